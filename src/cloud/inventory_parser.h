#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace icecore::cloud {

/// Cuts a vault inventory, `{"VaultARN":…,"InventoryDate":…,"ArchiveList":[{…},{…},…]}`, into its entries as
/// it arrives, so that an inventory of a million archives needs the memory of one. Throws Error{corrupt} for
/// what cannot be one.
class InventoryParser {
  public:
    /// Gets the JSON text of each entry.
    explicit InventoryParser(std::function<void(std::string_view)> entry);
    void feed(std::string_view piece);
    /// All has been fed: the JSON text without the list's entries.
    std::string finish();

  private:
    void take(char c);

    std::function<void(std::string_view)> entry_;
    std::string frame_;   // what stands around the entries
    std::string open_;    // of the entry that is being read
    unsigned depth_ = 0;  // of brackets: 1 in the object, 2 in the list, 3 and more in an entry
    unsigned lists_ = 0;
    bool quoted_ = false;
    bool escaped_ = false;
};

}  // namespace icecore::cloud
