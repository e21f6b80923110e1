#include <gtest/gtest.h>

#include "sim/glacier/api_test_util.h"
#include "sim/glacier/job_times.h"

namespace icecore::sim::glacier {
namespace {

constexpr std::uint64_t kM = 1 << 20;

class Jobs : public testing::Test {
  protected:
    Jobs() {
        api_.send("PUT", "/-/vaults/v");
        archive_ = api_.upload("v", data_).header("x-amz-archive-id");
    }

    std::string begin(const std::string& range, const std::string& tier = "Bulk") {
        Json order = {{"Type", "archive-retrieval"}, {"ArchiveId", archive_}, {"Tier", tier}};
        if (!range.empty()) order["RetrievalByteRange"] = range;
        return api_.begin_job("v", order).header("x-amz-job-id");
    }
    TestReply output(const std::string& id, const std::string& range = "") {
        std::vector<HttpHeader> headers;
        if (!range.empty()) headers.push_back({"Range", "bytes=" + range});
        return api_.send("GET", "/-/vaults/v/jobs/" + id + "/output", headers);
    }
    Json describe(const std::string& id) { return api_.send("GET", "/-/vaults/v/jobs/" + id).json(); }
    std::string begin_inventory(const Json& parameters = nullptr) {
        return api_
            .begin_job("v", {{"Type", "inventory-retrieval"}, {"InventoryRetrievalParameters", parameters}})
            .header("x-amz-job-id");
    }

    TestDir dir_;
    TestApi api_{dir_.path()};
    std::string data_ = test_data(7 * kM + 11);
    std::string archive_;
};

TEST_F(Jobs, TakeTheirTiersTimes) {
    for (const char* id : {"a", "b", "c", "d"}) {
        EXPECT_GE(job_duration_sec("Expedited", id), 60);
        EXPECT_LE(job_duration_sec("Expedited", id), 300);
        EXPECT_GE(job_duration_sec("Bulk", id), 5 * 3600);
        EXPECT_LE(job_duration_sec("Bulk", id), 12 * 3600);
    }
    std::string id = begin("");
    api_.advance_hours(4);
    EXPECT_EQ(output(id).error(), "400 InvalidParameterValueException");
    EXPECT_EQ(describe(id)["StatusCode"], "InProgress");
    api_.advance_hours(8);
    EXPECT_EQ(describe(id)["StatusCode"], "Succeeded");
    EXPECT_EQ(output(id).body, data_);
}

TEST_F(Jobs, OutputLivesADay) {
    std::string id = begin("");
    api_.advance_hours(12);
    api_.restart();
    api_.advance_hours(16);
    EXPECT_EQ(output(id).body, data_);
    api_.advance_hours(8);
    EXPECT_EQ(output(id).error(), "404 ResourceNotFoundException");
}

TEST_F(Jobs, TreeHashesComeWhereBothRangesAreAligned) {
    std::string whole = begin("");
    std::string aligned = begin("4194304-" + std::to_string(data_.size() - 1));
    std::string crooked = begin("1048576-3145727");
    EXPECT_TRUE(describe(whole)["SHA256TreeHash"].is_null());  // until it is done
    EXPECT_TRUE(describe(crooked)["SHA256TreeHash"].is_null());
    EXPECT_EQ(describe(aligned)["SHA256TreeHash"], tree_hash_of(data_.substr(4 * kM)));
    api_.advance_hours(12);
    EXPECT_EQ(describe(whole)["SHA256TreeHash"], tree_hash_of(data_));
    auto hash_of = [&](const std::string& id, const std::string& range) {
        return output(id, range).header("x-amz-sha256-tree-hash");
    };
    EXPECT_EQ(hash_of(whole, ""), tree_hash_of(data_));
    EXPECT_EQ(hash_of(whole, "2097152-4194303"), tree_hash_of(data_.substr(2 * kM, 2 * kM)));
    EXPECT_EQ(hash_of(whole, "1048576-3145727"), "");
    EXPECT_EQ(hash_of(whole, "0-99"), "");
    EXPECT_EQ(hash_of(aligned, "2097152-3145727"), tree_hash_of(data_.substr(6 * kM, kM)));
    EXPECT_EQ(hash_of(crooked, ""), "");
    EXPECT_EQ(hash_of(crooked, "0-1048575"), "");
    TestReply piece = output(aligned, "1048576-");
    EXPECT_EQ(piece.status, 206);
    EXPECT_EQ(piece.header("Content-Range"), "bytes 1048576-3145738/3145739");
    EXPECT_EQ(piece.body, data_.substr(5 * kM));
    EXPECT_EQ(output(aligned, "4000000-").error(), "400 InvalidParameterValueException");
}

TEST_F(Jobs, OfAnArchiveThatIsDeletedMeanwhileStillSucceed) {
    std::string id = begin("");
    EXPECT_EQ(api_.send("DELETE", "/-/vaults/v/archives/" + archive_).status, 204);
    EXPECT_EQ(api_.send("DELETE", "/-/vaults/v/archives/" + archive_).status, 204);
    EXPECT_EQ(begin(""), "");
    api_.restart();
    api_.advance_hours(12);
    EXPECT_EQ(output(id).body, data_);
}

TEST_F(Jobs, WrongOrdersAreRefused) {
    auto refused = [&](const Json& order) { return api_.begin_job("v", order).error(); };
    EXPECT_EQ(refused({{"Type", "archive-retrieval"}}), "400 MissingParameterValueException");
    EXPECT_EQ(refused({{"ArchiveId", archive_}}), "400 MissingParameterValueException");
    EXPECT_EQ(refused({{"Type", "select"}}), "400 InvalidParameterValueException");
    EXPECT_EQ(refused({{"Type", 5}}), "400 SerializationException");
    EXPECT_EQ(refused(Json::array()), "400 SerializationException");
    EXPECT_EQ(refused({{"Type", "archive-retrieval"}, {"ArchiveId", "x"}}), "404 ResourceNotFoundException");
    for (const char* range : {"1-1048575", "0-1048574", "0-", "0-99999999", "1048576-0"})
        EXPECT_EQ(
            refused({{"Type", "archive-retrieval"}, {"ArchiveId", archive_}, {"RetrievalByteRange", range}}),
            "400 InvalidParameterValueException");
    EXPECT_EQ(refused({{"Type", "inventory-retrieval"}}),
              "404 ResourceNotFoundException");  // no inventory yet
}

TEST_F(Jobs, FailOnOrder) {
    api_.faults().add(R"({"kind":"fail-job","operation":"InitiateJob"})");
    std::string id = begin("");
    api_.advance_hours(12);
    EXPECT_EQ(describe(id)["StatusCode"], "Failed");
    EXPECT_EQ(describe(id)["Completed"], true);
    EXPECT_EQ(output(id).error(), "400 InvalidParameterValueException");
}

TEST_F(Jobs, AreListedByState) {
    std::string done = begin("");
    api_.advance_hours(12);
    std::string open = begin("");
    auto list = [&](const std::string& query) {
        Json jobs = api_.send("GET", "/-/vaults/v/jobs?" + query).json()["JobList"];
        std::string ids;
        for (const Json& job : jobs) ids += job["JobId"] == done ? "done " : "open ";
        return ids;
    };
    EXPECT_EQ(list("limit=50"), "done open ");
    EXPECT_EQ(list("completed=true"), "done ");
    EXPECT_EQ(list("statuscode=InProgress"), "open ");
    Json page = api_.send("GET", "/-/vaults/v/jobs?limit=1").json();
    EXPECT_EQ(page["Marker"], open);
    EXPECT_EQ(list("limit=1&marker=" + open), "open ");
}

TEST_F(Jobs, AnInventoryLagsADay) {
    api_.advance_hours(24);
    EXPECT_EQ(api_.send("GET", "/-/vaults/v").json()["NumberOfArchives"], 1);
    std::string second = api_.upload("v", "two", "say \"two\"").header("x-amz-archive-id");
    std::string id = begin_inventory();
    api_.advance_hours(5);
    Json inventory = output(id).json();
    ASSERT_EQ(inventory["ArchiveList"].size(), 1U);
    EXPECT_EQ(inventory["ArchiveList"][0]["ArchiveId"], archive_);
    EXPECT_EQ(inventory["ArchiveList"][0]["Size"], data_.size());
    EXPECT_EQ(inventory["ArchiveList"][0]["SHA256TreeHash"], tree_hash_of(data_));
    EXPECT_EQ(describe(id)["InventorySizeInBytes"], output(id).body.size());
    api_.advance_hours(19);
    api_.restart();
    std::string first_page = begin_inventory({{"Limit", "1"}});
    api_.advance_hours(5);
    EXPECT_EQ(output(first_page).json()["ArchiveList"][0]["ArchiveId"], archive_);
    std::string marker = describe(first_page)["InventoryRetrievalParameters"]["Marker"];
    std::string second_page = begin_inventory({{"Limit", "1"}, {"Marker", marker}});
    api_.advance_hours(5);
    EXPECT_EQ(output(second_page).json()["ArchiveList"][0]["ArchiveId"], second);
    EXPECT_TRUE(describe(second_page)["InventoryRetrievalParameters"]["Marker"].is_null());
    std::string csv =
        api_.begin_job("v", {{"Type", "inventory-retrieval"}, {"Format", "CSV"}}).header("x-amz-job-id");
    api_.advance_hours(5);
    EXPECT_NE(output(csv).body.find(second + ",\"say \\\"two\\\"\","), std::string::npos) << output(csv).body;
}

TEST_F(Jobs, AVaultIsDeletedOnlyEmptyAndInventoried) {
    EXPECT_EQ(api_.send("DELETE", "/-/vaults/v").error(), "400 InvalidParameterValueException");
    api_.send("DELETE", "/-/vaults/v/archives/" + archive_);
    EXPECT_EQ(api_.send("DELETE", "/-/vaults/v").error(), "400 InvalidParameterValueException");
    api_.advance_hours(24);
    EXPECT_EQ(api_.send("DELETE", "/-/vaults/v").status, 204);
    EXPECT_EQ(api_.send("GET", "/-/vaults/v").error(), "404 ResourceNotFoundException");
    api_.restart();
    EXPECT_EQ(api_.send("GET", "/-/vaults").json()["VaultList"].size(), 0U);
}

TEST_F(Jobs, VaultNamesMayBeLongOrAllDots) {
    for (const std::string& name : {std::string(".."), std::string("."), std::string(255, 'x')}) {
        EXPECT_EQ(api_.send("PUT", "/-/vaults/" + name).status, 201);
        EXPECT_EQ(api_.send("GET", "/-/vaults/" + name).json()["VaultName"], name);
    }
    api_.restart();
    EXPECT_EQ(api_.send("GET", "/-/vaults/..").status, 200);
    EXPECT_EQ(api_.send("PUT", "/-/vaults/" + std::string(256, 'x')).error(),
              "400 InvalidParameterValueException");
    EXPECT_EQ(api_.send("PUT", "/-/vaults/a%20b").error(), "400 InvalidParameterValueException");
}

}  // namespace
}  // namespace icecore::sim::glacier
