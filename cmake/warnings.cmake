# Warnings of our own code, as one INTERFACE target. Without -Wnull-dereference: g++ 12 sees ghosts in std::string at -O2.
add_library(icecore_warnings INTERFACE)
target_compile_options(icecore_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wcast-align -Wunused -Wimplicit-fallthrough)
option(ICECORE_WERROR "Warnings are errors" OFF)
if(ICECORE_WERROR)
    target_compile_options(icecore_warnings INTERFACE -Werror)
endif()
