#include "engine/iam_policy.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"

namespace icecore::engine {
namespace {

using Texts = std::vector<std::string>;

struct Statement {
    std::string name;
    Texts actions;
    Texts resources;
    std::string condition_key;  ///< empty: no condition
    Texts condition_values;     ///< patterns
};

/// Amazon's regions are of several worlds that do not know each other.
std::string_view partition(std::string_view region) {
    if (region.starts_with("cn-")) return "aws-cn";
    if (region.starts_with("us-gov-")) return "aws-us-gov";
    return "aws";
}

/// `below` may have wildcards.
std::string object_arn(const IamPlace& place, const std::string& below) {
    return format("arn:{}:s3:::{}/{}", partition(place.region), place.target.bucket, below);
}

std::string root_of(const IamPlace& place) {
    return place.target.prefix.empty() ? "" : place.target.prefix + "/";
}

Statement about_bucket(const IamPlace& place, std::string name, Texts actions) {
    return {std::move(name),
            std::move(actions),
            {format("arn:{}:s3:::{}", partition(place.region), place.target.bucket)},
            {},
            {}};
}

/// Listings of keys below `prefix`.
Statement listing(const IamPlace& place, const std::string& prefix) {
    Statement out = about_bucket(place, "ListObjects", {"s3:ListBucket", "s3:ListBucketVersions"});
    if (!prefix.empty()) {
        out.condition_key = "s3:prefix";
        out.condition_values = {prefix + "*"};
    }
    return out;
}

void add_kms(const IamPlace& place, Texts actions, std::vector<Statement>& out) {
    if (place.target.sse != "aws:kms") return;
    const std::string& key = place.target.kms_key;
    std::string arn = "*";
    if (key.starts_with("arn:"))
        arn = key;
    else if (!key.empty() && !key.starts_with("alias/"))
        arn = format("arn:{}:kms:{}:*:key/{}", partition(place.region),
                     place.region.empty() ? "*" : place.region, key);
    out.push_back({"UseKey", std::move(actions), {arn}, "kms:ViaService", {"s3.*.amazonaws.com"}});
}

void write_to_bucket(const IamPlace& place, std::vector<Statement>& out) {
    std::string ours = format("{}{}/{}/", root_of(place), place.host, place.set);
    Statement store{"StoreObjects",
                    {"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
                    {object_arn(place, ours + "*")},
                    {},
                    {}};
    if (place.target.object_lock) {
        store.actions.push_back("s3:PutObjectRetention");
        store.actions.push_back("s3:GetObjectRetention");
    }
    out.push_back(std::move(store));
    out.push_back({"LookAtSmallFiles",
                   {"s3:GetObject", "s3:GetObjectVersion"},
                   {object_arn(place, ours + "*.manifest.zst"), object_arn(place, ours + "*.catalog.zst"),
                    object_arn(place, ours + "*.log"), object_arn(place, ours + "README.restore.txt")},
                   {},
                   {}});
    out.push_back(listing(place, ours));
    Statement bucket = about_bucket(
        place, "LookAtBucket",
        {"s3:ListBucketMultipartUploads", "s3:GetBucketVersioning", "s3:GetLifecycleConfiguration"});
    if (place.target.object_lock) bucket.actions.push_back("s3:GetBucketObjectLockConfiguration");
    out.push_back(std::move(bucket));
    add_kms(place, {"kms:GenerateDataKey", "kms:Decrypt"}, out);
}

void restore_from_bucket(const IamPlace& place, std::vector<Statement>& out) {
    out.push_back({"ThawAndRead",
                   {"s3:GetObject", "s3:GetObjectVersion", "s3:RestoreObject"},
                   {object_arn(place, root_of(place) + "*")},
                   {},
                   {}});
    out.push_back(listing(place, root_of(place)));
    out.push_back(about_bucket(place, "LookAtBucket", {"s3:GetBucketVersioning"}));
    add_kms(place, {"kms:Decrypt"}, out);
}

Statement of_vault(const IamPlace& place, IamPurpose purpose) {
    std::string arn = format("arn:{}:glacier:{}:{}:vaults/{}", partition(place.region),
                             place.region.empty() ? "*" : place.region,
                             place.target.account == "-" ? "*" : place.target.account, place.target.vault);
    if (purpose == IamPurpose::write)
        return {"StoreArchives",
                {"glacier:DescribeVault", "glacier:UploadArchive", "glacier:InitiateMultipartUpload",
                 "glacier:UploadMultipartPart", "glacier:CompleteMultipartUpload",
                 "glacier:AbortMultipartUpload", "glacier:ListParts", "glacier:ListMultipartUploads"},
                {arn},
                {},
                {}};
    return {"ThawAndRead",
            {"glacier:DescribeVault", "glacier:InitiateJob", "glacier:ListJobs", "glacier:DescribeJob",
             "glacier:GetJobOutput"},
            {arn},
            {},
            {}};
}

/// Two sets in one bucket need the same statement with two resources.
void merge(std::vector<Statement>& statements) {
    std::vector<Statement> out;
    auto add = [](Texts& to, const Texts& more) {
        for (const std::string& text : more)
            if (std::find(to.begin(), to.end(), text) == to.end()) to.push_back(text);
    };
    for (Statement& statement : statements) {
        // A condition holds for all resources of a statement: only what is of one bucket goes together.
        auto same = std::find_if(out.begin(), out.end(), [&](const Statement& other) {
            bool free = other.condition_key.empty() && statement.condition_key.empty();
            return other.actions == statement.actions && other.condition_key == statement.condition_key &&
                   (free || other.resources == statement.resources);
        });
        if (same == out.end()) {
            out.push_back(std::move(statement));
            continue;
        }
        add(same->resources, statement.resources);
        add(same->condition_values, statement.condition_values);
    }
    statements = std::move(out);
}

std::string quoted(std::string_view text) {
    std::string out;
    JsonWriter(out).string(text);
    return out;
}

std::string list(const Texts& texts, std::string_view indent) {
    std::string out;
    for (const std::string& text : texts)
        out += format("{}{}  {}", out.empty() ? "" : ",\n", indent, quoted(text));
    return format("[\n{}\n{}]", out, indent);
}

std::string text_of(const Statement& statement, std::size_t number, bool numbered) {
    constexpr std::string_view kIndent = "      ";
    std::string name = statement.name + (numbered ? std::to_string(number) : "");
    std::string out = format(
        "    {{\n{0}\"Sid\": {1},\n{0}\"Effect\": \"Allow\",\n{0}\"Action\": {2},\n{0}\"Resource\": {3}",
        kIndent, quoted(name), list(statement.actions, kIndent), list(statement.resources, kIndent));
    if (!statement.condition_key.empty())
        out +=
            format(",\n{0}\"Condition\": {{\n{0}  \"StringLike\": {{\n{0}    {1}: {2}\n{0}  }}\n{0}}}",
                   kIndent, quoted(statement.condition_key), list(statement.condition_values, "          "));
    return out + "\n    }";
}

}  // namespace

std::string iam_policy(const std::vector<IamPlace>& places, IamPurpose purpose) {
    std::vector<Statement> statements;
    for (const IamPlace& place : places) {
        if (place.target.type == TargetOptions::Type::glacier)
            statements.push_back(of_vault(place, purpose));
        else if (place.target.type == TargetOptions::Type::s3 && purpose == IamPurpose::write)
            write_to_bucket(place, statements);
        else if (place.target.type == TargetOptions::Type::s3)
            restore_from_bucket(place, statements);
    }
    merge(statements);
    std::string out;
    for (std::size_t i = 0; i < statements.size(); ++i) {
        // A name stands once in a policy.
        auto same_name = [&](const Statement& other) { return other.name == statements[i].name; };
        bool numbered = std::count_if(statements.begin(), statements.end(), same_name) > 1;
        out += (out.empty() ? "" : ",\n") + text_of(statements[i], i + 1, numbered);
    }
    return format("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}\n", out);
}

}  // namespace icecore::engine
