# Warnings of our own code, as one INTERFACE target.
add_library(icecore_warnings INTERFACE)
target_compile_options(icecore_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wcast-align -Wunused -Wnull-dereference -Wimplicit-fallthrough)
option(ICECORE_WERROR "Warnings are errors" OFF)
if(ICECORE_WERROR)
    target_compile_options(icecore_warnings INTERFACE -Werror)
endif()
