# The man pages (doc/man, doc/format.md, and the commands themselves) where scdoc is there to make them. Those of the
# commands come from a tool that is linked from the program's own code, so that they have the options of --help.
find_program(SCDOC scdoc)
find_program(LOWDOWN lowdown)
if(NOT SCDOC)
    return()
endif()
if(NOT LOWDOWN)
    set(LOWDOWN "")
endif()
set(manual ${PROJECT_BINARY_DIR}/manual)
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/doc/man/*.scd)
add_executable(icecore-manual ${PROJECT_SOURCE_DIR}/src/cli/manual/main.cc)
target_link_libraries(icecore-manual PRIVATE icecore_cli icecore_warnings)
add_custom_command(
    OUTPUT ${manual}/man1/icecore.1
    COMMAND ${PROJECT_SOURCE_DIR}/cmake/make-manual $<TARGET_FILE:icecore-manual> ${SCDOC} "${LOWDOWN}"
            ${PROJECT_SOURCE_DIR}/doc ${manual}
    DEPENDS icecore-manual ${sources} ${PROJECT_SOURCE_DIR}/doc/format.md ${PROJECT_SOURCE_DIR}/cmake/make-manual
    VERBATIM)
add_custom_target(manual ALL DEPENDS ${manual}/man1/icecore.1)
install(DIRECTORY ${manual}/man1 ${manual}/man5 DESTINATION ${CMAKE_INSTALL_MANDIR})
