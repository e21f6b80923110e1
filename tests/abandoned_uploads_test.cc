// Uploads that were begun and never ended: which are ours to give up.

#include "engine/abandoned_uploads.h"

#include <gmock/gmock.h>

#include "catalog/outbox.h"
#include "engine/backup_dir.h"
#include "upload_fixture.h"

namespace icecore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Has nothing but unfinished uploads.
class UnfinishedTarget final : public store::PlainTarget {
  public:
    store::Capabilities capabilities() const override { return {}; }
    std::string identity() const override { return "unfinished"; }
    void check() override {}
    store::ObjectRef put(const store::Upload&, RandomAccessSource&, store::ResumeState&,
                         const std::function<void(std::uint64_t)>&) override {
        throw Error(Error::Kind::unsupported, "no puts");
    }
    void verify(const store::ObjectRef&, std::uint64_t, const Digest&, const Digest&) override {}
    std::optional<store::ObjectInfo> stat(const store::ObjectRef&) override { return std::nullopt; }
    std::optional<Timestamp> list(store::ListScope,
                                  const std::function<void(const store::ObjectInfo&)>&) override {
        return std::nullopt;
    }
    store::ThawState request_thaw(const store::ThawRequest&) override { return {}; }
    std::vector<store::ThawState> poll_thaws(const std::vector<store::AskedThaw>&) override { return {}; }
    void read(const store::ObjectRange&, const std::function<void(std::string_view)>&) override {}
    void remove(const store::ObjectRef&) override {}
    void list_unfinished(const std::function<void(const store::UnfinishedUpload&)>& visit) override {
        for (const store::UnfinishedUpload& upload : uploads) visit(upload);
    }
    void abort_unfinished(const store::UnfinishedUpload& upload) override {
        if (upload.id == refused) throw Error(Error::Kind::denied, "not allowed", "allow it");
        aborted.push_back(upload.id);
    }

    std::vector<store::UnfinishedUpload> uploads;
    std::vector<std::string> aborted;
    std::string refused;
};

class AbandonedUploads : public UploadTest {
  protected:
    void SetUp() override { std::filesystem::create_directories(runs_.set.backup_dir); }
    Timestamp hours_ago(int hours) const {
        Timestamp now = runs_.environment().clock.now();
        return {now.sec - hours * 3600, now.nsec};
    }
    void add(const std::string& id, std::optional<Timestamp> begun, const std::string& host = "host",
             const std::string& set = "set") {
        target_.uploads.push_back({host, set, "name of " + id, id, begun});
    }
    engine::AbortResult abort() { return engine::abort_abandoned(runs_.environment(), runs_.set, target_); }

    UnfinishedTarget target_;
};

TEST_F(AbandonedUploads, OnlyOldOnesOfThisSetThatNobodyGoesOnWith) {
    add("younger", hours_ago(25));
    add("old", hours_ago(100));
    add("new", hours_ago(23));
    add("undated", std::nullopt);
    add("of another machine", hours_ago(100), "kitchen");
    add("of another set", hours_ago(100), "host", "other");
    add("going on", hours_ago(100));
    {
        auto outbox = catalog::Outbox::open(outbox_path());
        catalog::OutboxItem item;
        item.target = target_.identity();
        item.name = "volume";
        outbox->add(item);
        outbox->save_resume_state(item.target, item.name, R"({"upload":"going on"})");
    }
    std::vector<std::string> found;
    for (const auto& upload : engine::abandoned_uploads(runs_.environment(), runs_.set, target_))
        found.push_back(upload.id);
    EXPECT_THAT(found, ElementsAre("old", "younger"));
    EXPECT_THAT(target_.aborted, IsEmpty());
    EXPECT_EQ(abort().aborted.size(), 2U);
    EXPECT_THAT(target_.aborted, ElementsAre("old", "younger"));
}

TEST_F(AbandonedUploads, OneThatIsRefusedDoesNotKeepTheOthers) {
    add("a", hours_ago(50));
    add("b", hours_ago(49));
    target_.refused = "a";
    engine::AbortResult result = abort();
    EXPECT_THAT(target_.aborted, ElementsAre("b"));
    EXPECT_THAT(result.problems, ElementsAre("name of a: not allowed (allow it)"));
}

TEST_F(AbandonedUploads, NotWhileAnUploadIsGoingOn) {
    add("a", hours_ago(50));
    engine::SetLock lock(runs_.environment(), runs_.set.backup_dir, engine::SetActivity::upload);
    EXPECT_THROW(abort(), Error);
    EXPECT_THAT(target_.aborted, IsEmpty());
}

}  // namespace
}  // namespace icecore::testing
