#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/s3_client.h"
#include "store/s3_features.h"
#include "store/target.h"

namespace icecore::store {

/// Whether objects of a storage class must be restored before they are read, where a store has restores.
bool is_cold_class(std::string_view storage_class);

/// Restores of whole objects of a bucket. One thread at a time; the references must outlive it.
class S3Thaws {
  public:
    S3Thaws(cloud::S3Client& client, S3FeatureMemory& features, const Clock& clock)
        : client_(client), features_(features), clock_(clock) {}

    bool is_readable(std::string_view storage_class, const std::optional<cloud::S3Restore>& restore) const;

    /// Throws ServiceError as S3Client does.
    ThawState request(const std::string& key, const std::string& version_id, const ThawRequest& request);

    /// An object whose thaw was asked for, and where to put how far it is.
    struct Asked {
        std::string key;
        ThawState* state;
        std::string id = {};  ///< ObjectRef::id
    };
    /// Finds out how far all of them are; they lie below `prefix`. `look` is HEAD: nullopt for what is not
    /// there.
    void poll(const std::string& prefix, std::vector<Asked> asked,
              const std::function<std::optional<cloud::S3Head>(const Asked&)>& look);

  private:
    ThawState state_of(std::string_view storage_class, const std::optional<cloud::S3Restore>& restore) const;
    void poll_listed(const std::string& prefix, std::vector<Asked>& asked);

    cloud::S3Client& client_;
    S3FeatureMemory& features_;
    const Clock& clock_;
};

}  // namespace icecore::store
