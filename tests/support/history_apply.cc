#include "base/error.h"
#include "base/text.h"
#include "support/history.h"
#include "support/history_stage.h"

namespace icecore::testing {
namespace {

std::string dispatch(const Step& step, const Stage& stage) {
    using enum Action;
    switch (step.action) {
        case create_file:
        case make_directory:
        case create_sparse:
        case make_symlink:
        case make_fifo:
        case make_device:
        case copy_file:
            return apply_creation(step, stage);
        case append:
        case overwrite:
        case overwrite_quiet:
        case truncate:
        case remove_file:
        case remove_tree:
            return apply_content(step, stage);
        case touch:
        case change_mode:
        case change_owner:
        case set_xattr:
        case remove_file_xattr:
        case remove_directory_xattr:
        case set_acl:
        case remove_acl:
            return apply_metadata_change(step, stage);
        case rename:
        case move:
        case swap_files:
        case swap_directories:
        case swap_any:
        case rotate_directories:
        case rotate_any:
        case move_onto_file:
        case move_onto_directory:
            return apply_move(step, stage);
        case rescue_file:
        case shift_directory:
        case nest_directory:
        case hoist_directory:
        case invert_directories:
            return apply_directory_move(step, stage);
        case change_type:
        case recreate:
            return apply_replacement(step, stage);
        case link:
        case link_over:
        case break_link:
        case move_linked:
        case replace_linked:
        case write_linked:
            return apply_link(step, stage);
    }
    CHECK(false);
    return {};
}

}  // namespace

std::string apply_step(const Step& step, const std::string& root) try {
    return dispatch(step, Stage(root));
} catch (Error& e) {
    e.add_context(to_string(step));
    throw;
}

std::vector<std::string> apply_steps(const Steps& run, const std::string& root) {
    std::vector<std::string> done;
    for (const Step& step : run) {
        std::string what = apply_step(step, root);
        if (!what.empty()) done.push_back(std::move(what));
    }
    return done;
}

}  // namespace icecore::testing
