# `make deb`: a package for Debian 12, by CPack. What it has besides `make install` is made in package_finish.cmake.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME icecore)
set(CPACK_PACKAGE_CONTACT "icecore maintainers <maintainers@icecore.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "incremental backups into plain tar archives, also offsite")
file(READ ${PROJECT_SOURCE_DIR}/packaging/debian/description CPACK_DEBIAN_PACKAGE_DESCRIPTION)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
                                                WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# tar and gzip, the other tools that restore without icecore, are essential. Certificates: for the services.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, zstd")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cron | systemd, default-mta | mail-transport-agent")
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/package_finish.cmake)
# Variables of our own do not reach that script but by such a file.
file(WRITE ${PROJECT_BINARY_DIR}/package_variables.cmake "set(ICECORE_PACKAGING ${PROJECT_SOURCE_DIR}/packaging/debian)\n")
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_BINARY_DIR}/package_variables.cmake)
include(CPack)
