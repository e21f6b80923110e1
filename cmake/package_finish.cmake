# Run by CPack in the tree that becomes the .deb: makes of `make install` what Debian's policy asks for.
set(root ${CPACK_TEMPORARY_DIRECTORY})
set(doc ${root}/usr/share/doc/icecore)

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(strip --strip-unneeded --remove-section=.comment --remove-section=.note ${root}/usr/bin/icecore)

file(RENAME ${root}/usr/share/zsh/site-functions ${root}/usr/share/zsh/vendor-completions)  # where Debian's zsh looks
file(REMOVE ${doc}/LICENSE)  # Debian has it in common-licenses
configure_file(${ICECORE_PACKAGING}/copyright ${doc}/copyright COPYONLY)
configure_file(${ICECORE_PACKAGING}/changelog ${doc}/changelog.Debian COPYONLY)
file(GLOB pages ${root}/usr/share/man/man?/*)
configure_file(${ICECORE_PACKAGING}/lintian-overrides ${root}/usr/share/lintian/overrides/icecore COPYONLY)
run(gzip -9n ${pages} ${doc}/changelog.Debian)

# `icecore init` puts the configuration there. No conffile is shipped, so nothing is asked about on upgrades.
file(MAKE_DIRECTORY ${root}/etc/icecore)
run(chmod -R u=rwX,go=rX ${root})
