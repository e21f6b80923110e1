#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/pack_batch.h"
#include "engine/plan.h"

namespace icecore::engine {

/// Members to be, in archive order. One thread at a time.
class ItemSource {
  public:
    virtual ~ItemSource() = default;
    virtual bool next(PackItem& item) = 0;
};

/// Turns a plan into items: the root first (with the renames), then depth first as the plan's lists are, deep
/// units ahead of all.
class PlanItems final : public ItemSource {
  public:
    PlanItems(Plan& plan, const BatchPacker& packer);
    ~PlanItems() override;
    bool next(PackItem& item) override;

  private:
    class DeepNames;
    bool load_directory();
    void begin_directory(PlannedDirectory planned);
    void push_directory(PlannedDirectory planned);
    std::shared_ptr<const PackDirectory> place_of(const PlannedDirectory& planned);
    std::optional<PackItem> resolve(PlannedFile file);
    std::optional<PackItem> resolve_link(PackItem item);
    PackItem as_leader(PackItem item, const std::string& decided_leader);
    PlannedFile next_file();

    Plan& plan_;
    const BatchPacker& packer_;
    bool deep_pass_;
    std::unique_ptr<DeepNames> deep_names_;
    std::unique_ptr<Spool::Reader> directories_;
    std::unique_ptr<Spool::Reader> files_;
    std::shared_ptr<const PackDirectory> directory_;
    std::uint64_t files_left_ = 0;
    std::deque<PackItem> ready_;
    struct Leader {
        std::string path;  ///< empty: none yet
        FileStat stat;
    };
    /// First names of link groups that nothing may link to, or that are not as the scan saw them → the name
    /// that the others link to, and what it is now.
    std::unordered_map<std::string, Leader> changed_leaders_;
};

/// Items given in a list: files that are packed once more.
class ListItems final : public ItemSource {
  public:
    explicit ListItems(std::vector<PackItem> items) : items_(std::move(items)) {}
    bool next(PackItem& item) override;

  private:
    std::vector<PackItem> items_;
    std::size_t at_ = 0;
};

/// Gathers items into batches of about a frame, and cuts large files into chunks. One thread at a time.
class BatchSource {
  public:
    BatchSource(ItemSource& items, const BatchPacker& packer, int root_fd, std::size_t frame_bytes_max)
        : items_(items), packer_(packer), root_fd_(root_fd), frame_bytes_max_(frame_bytes_max) {}
    /// nullptr at the end.
    std::unique_ptr<PackBatch> next();

  private:
    std::unique_ptr<PackBatch> start_large();
    std::unique_ptr<PackBatch> next_chunk();
    bool unchanged_after_all(PackItem& item) const;

    ItemSource& items_;
    const BatchPacker& packer_;
    int root_fd_;
    std::size_t frame_bytes_max_;
    std::optional<PackItem> waiting_;
    std::shared_ptr<LargeFile> large_;
    std::size_t region_ = 0;           // of large_, next to read
    std::uint64_t region_offset_ = 0;  // in that region
    bool first_chunk_ = false;
};

}  // namespace icecore::engine
