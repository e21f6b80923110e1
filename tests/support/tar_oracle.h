#pragma once

#include <string>
#include <vector>

#include "support/command.h"
#include "support/temp_dir.h"

namespace icecore::testing {

/// How an archive is compressed, that is, which program undoes it.
enum class Method { none, gzip, zstd };

/// Does what a user without icecore would do:
///
///     cat NAME.tar.zst* | zstd -dc | tar --incremental --xattrs --xattrs-include='*' --acls -xpf - -C
///     into_dir
///
/// (gzip -dc or nothing instead of zstd -dc). `volumes`: the files of one archive, in order; call it once an
/// archive, from the full one on. Status and stderr are those of the whole pipeline. Messages are in English.
CommandResult extract_with_gnu_tar(const std::vector<std::string>& volumes, Method method,
                                   const std::string& into_dir);

}  // namespace icecore::testing
