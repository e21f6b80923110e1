#include <cstddef>
#include <cstdint>
#include <string_view>

#include "archive/frame.h"
#include "archive/volume_bytes.h"
#include "base/error.h"

namespace {

class Volume final : public icecore::archive::VolumeBytes {
  public:
    explicit Volume(std::string_view bytes) : bytes_(bytes) {}
    std::uint64_t size_bytes() const override { return bytes_.size(); }
    std::size_t read(char* buffer, std::size_t size, std::uint64_t offset) const override {
        return offset < bytes_.size() ? bytes_.substr(offset).copy(buffer, size) : 0;
    }

  private:
    std::string_view bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        // The first byte chooses the method, the rest is a volume.
        if (bytes.empty()) return 0;
        using Method = icecore::archive::Compression::Method;
        Method method = (bytes[0] & 1) != 0 ? Method::gzip : Method::zstd;
        bytes.remove_prefix(1);
        icecore::archive::read_seek_table(method, Volume(bytes));
    } catch (const icecore::Error&) {
        // Refusing bad input is the point.
    }
    return 0;
}
