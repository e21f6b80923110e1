#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace icecore::store {

/// What a store that speaks S3 turned out to be able to do.
struct S3Features {
    enum class Answer : std::uint8_t { unknown, yes, no };

    Answer conditional = Answer::unknown;     ///< If-None-Match keeps it from replacing an object
    Answer checksums = Answer::unknown;       ///< it keeps, and tells, SHA-256
    Answer restores = Answer::unknown;        ///< cold objects must be restored before they are read
    Answer lists_restores = Answer::unknown;  ///< a listing tells how far restores are
    /// There are objects that must be restored first, though what is stored now goes into another class.
    bool has_cold = false;
    unsigned parts_max = 10'000;  ///< of an upload
    bool operator==(const S3Features&) const = default;

    /// Those of Amazon, which need no finding out.
    static S3Features amazon();
    std::string text() const;
    /// What cannot be read is as if nothing were known.
    static S3Features parse(const std::string& text);
};

/// Features that are kept from run to run, saved at each change. One thread at a time.
class S3FeatureMemory {
  public:
    /// The functions may be empty.
    S3FeatureMemory(S3Features at_first, const std::function<std::string()>& load,
                    std::function<void(const std::string&)> save);

    const S3Features& get() const { return features_; }
    /// Changes what is known and saves it if that is new.
    void learn(const std::function<void(S3Features&)>& change);

  private:
    S3Features features_;
    std::function<void(const std::string&)> save_;
};

}  // namespace icecore::store
