#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/manifest.h"

namespace icecore::catalog {

/// Sorting and grouping on disk for one scan or restore, so that memory does not grow with the data:
/// temporary SQLite tables in a private, unlinked database file, gone with the object. One thread at a time.
class WorkTables {
  public:
    WorkTables();
    ~WorkTables();

    // ---- groups of hard links, during a scan ----
    struct LinkName {
        std::uint64_t dev = 0;
        std::uint64_t ino = 0;
        std::uint64_t sequence = 0;  ///< the name's number in archive order; unique
        std::string path;
        /// The earlier version at this path, where all recorded metadata are equal: its location. run 0 =
        /// none.
        archive::Location old_location;
        bool times_equal = false;  ///< inode and ctime equal too, and not racy: surely unchanged
        bool same_inode = false;   ///< the earlier version had this inode number
        std::string payload;       ///< the caller's
    };
    void add_link(const LinkName& link);
    /// Calls `decide` with each group's names (same dev and ino) in sequence order; groups in which a name
    /// has same_inode come first, otherwise ordered by first sequence.
    void for_each_link_group(const std::function<void(const std::vector<LinkName>&)>& decide);

    enum class LinkAction : char {
        keep = 'k',   ///< leave the file as it is; record only
        store = 's',  ///< store its content here
        link = 'l',   ///< hard link to `link_path`
    };
    struct LinkDecision {
        LinkAction action = LinkAction::store;
        std::string link_path;
    };
    void set_link_decision(std::uint64_t sequence, const LinkDecision& decision);
    std::optional<LinkDecision> link_decision(std::uint64_t sequence) const;
    /// Claims an earlier file's bytes for one group of names; false if another group has them already.
    bool claim_location(const archive::Location& location);

    // ---- files to restore, ordered by where they are stored ----
    struct RestoreItem {
        archive::Location location;
        std::string path;
        std::string payload;  ///< the caller's
    };
    void add_restore_item(const RestoreItem& item);
    std::uint64_t restore_item_count() const;
    /// In order of location (run, volume, offset), equal ones in order of adding. A pull cursor.
    class RestoreCursor {
      public:
        virtual ~RestoreCursor() = default;
        virtual bool next(RestoreItem& item) = 0;
    };
    std::unique_ptr<RestoreCursor> open_restore_items() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace icecore::catalog
