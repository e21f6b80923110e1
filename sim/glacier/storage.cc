#include "sim/glacier/storage.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/format.h"
#include "base/text.h"
#include "sim/files.h"
#include "sim/glacier/part_file.h"
#include "sim/glacier/state_json.h"
#include "sim/random_id.h"

namespace icecore::sim::glacier {
namespace {

namespace fs = std::filesystem;

void make_directories(const std::string& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) throw Error::from_errno(error.value(), format("making {}", path));
}

void move(const std::string& from, const std::string& to) {
    if (std::rename(from.c_str(), to.c_str()) != 0) throw_errno(format("renaming {} to {}", from, to));
}

Json load(const std::string& path) {
    try {
        return parse_json(read_file(path));
    } catch (Error& error) {
        error.add_context(path);
        throw;
    }
}

void save(const std::string& path, const Json& json) {
    write_whole(path, json.dump(1) + "\n");
}

}  // namespace

Storage::Storage(std::string dir) : dir_(std::move(dir)) {
    discard(dir_ + "/incoming");
    make_directories(dir_ + "/incoming");
    make_directories(dir_ + "/vaults");
    load_gone();
}

ReceivedPart Storage::receive(RequestBody& body, std::string& path) const {
    std::string name = random_id(32);
    ReceivedPart part = receive_part(body, *file_system_, dir_ + "/incoming", name);
    path = format("{}/incoming/{}", dir_, name);
    return part;
}

std::string Storage::incoming_path() const {
    return format("{}/incoming/{}", dir_, random_id(32));
}

void Storage::discard(const std::string& path) const {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) throw Error::from_errno(error.value(), format("removing {}", path));
}

Account Storage::load_account() const {
    std::string path = dir_ + "/account.json";
    return path_exists(path) ? account_from_json(load(path)) : Account{};
}

void Storage::save_account(const Account& account) {
    save(dir_ + "/account.json", account_to_json(account));
}

// Vaults

std::string Storage::vault_dir(const std::string& name) const {
    // A name may be ".." and 255 characters long.
    std::string entry = name.size() <= 200 ? "v-" + name : "h-" + sha256(name).hex();
    return format("{}/vaults/{}", dir_, entry);
}

void Storage::save_vault(const Vault& vault) {
    std::string dir = vault_dir(vault.name);
    for (const char* name : {"archives", "deleted", "uploads", "jobs"})
        make_directories(join_path(dir, name));
    save(dir + "/vault.json", vault_to_json(vault));
}

void Storage::remove_vault(const std::string& name) {
    std::string aside = incoming_path();
    move(vault_dir(name), aside);
    discard(aside);
}

std::map<std::string, Vault> Storage::load_vaults() const {
    std::map<std::string, Vault> out;
    for (const std::string& entry : list_directory(dir_ + "/vaults")) {
        std::string dir = format("{}/vaults/{}", dir_, entry);
        if (!path_exists(dir + "/vault.json")) continue;  // killed before it was there
        Vault vault = vault_from_json(load(dir + "/vault.json"));
        load_archives(vault, dir + "/archives", false);
        load_archives(vault, dir + "/deleted", true);
        load_uploads(vault);
        for (const std::string& name : list_directory(dir + "/jobs")) {
            if (!name.ends_with(".json")) continue;
            Job job = job_from_json(load(format("{}/jobs/{}", dir, name)));
            vault.jobs.emplace(job.id, std::move(job));
        }
        out.emplace(vault.name, std::move(vault));
    }
    return out;
}

void Storage::load_archives(Vault& vault, const std::string& dir, bool deleted) const {
    for (const std::string& id : list_directory(dir)) {
        if (!deleted && id == last_gone_id_) {
            move(join_path(dir, id), format("{}/deleted/{}", vault_dir(vault.name), id));
            continue;  // found there
        }
        Archive archive = archive_from_json(load(format("{}/{}/archive.json", dir, id)));
        archive.deleted = deleted;
        vault.archives.emplace(archive.id, std::move(archive));
    }
}

void Storage::load_uploads(Vault& vault) const {
    std::string dir = vault_dir(vault.name) + "/uploads";
    for (const std::string& id : list_directory(dir)) {
        std::string upload_dir = join_path(dir, id);
        Upload upload = upload_from_json(load(upload_dir + "/upload.json"));
        for (const std::string& name : list_directory(upload_dir)) {
            std::string_view index = name;
            if (!name.starts_with("part-")) continue;
            index.remove_prefix(5);
            std::string path = join_path(upload_dir, name);
            struct stat st {};
            if (::stat(path.c_str(), &st) != 0) throw_errno(path);
            Timestamp came{st.st_mtim.tv_sec, static_cast<std::uint32_t>(st.st_mtim.tv_nsec)};
            upload.last_activity = std::max(upload.last_activity, came);
            std::optional<std::uint64_t> number = parse_decimal(index);
            if (!number) throw Error(Error::Kind::corrupt, format("{} is no part of an upload", path));
            upload.parts.emplace(*number, read_part(path));
        }
        vault.uploads.emplace(upload.id, std::move(upload));
    }
}

// Multipart uploads

void Storage::create_upload(const Vault& vault, const Upload& upload) {
    std::string dir = incoming_path();
    make_directories(dir);
    save(dir + "/upload.json", upload_to_json(upload));
    move(dir, format("{}/uploads/{}", vault_dir(vault.name), upload.id));
}

void Storage::add_part(const Vault& vault, const Upload& upload, std::uint64_t index,
                       const std::string& incoming) {
    timespec when{upload.last_activity.sec, static_cast<long>(upload.last_activity.nsec)};
    std::array<timespec, 2> times = {when, when};
    if (utimensat(AT_FDCWD, incoming.c_str(), times.data(), 0) != 0) throw_errno(incoming);
    move(incoming, format("{}/uploads/{}/{}", vault_dir(vault.name), upload.id, part_name(index)));
}

void Storage::remove_upload(const Vault& vault, const std::string& id) {
    std::string aside = incoming_path();
    move(format("{}/uploads/{}", vault_dir(vault.name), id), aside);
    discard(aside);
}

// Archives

std::string Storage::archive_dir(const Vault& vault, const Archive& archive) const {
    return format("{}/{}/{}", vault_dir(vault.name), archive.deleted ? "deleted" : "archives", archive.id);
}

void Storage::add_archive(const Vault& vault, const Archive& archive, const std::string& incoming) {
    std::string dir = incoming_path();
    make_directories(dir);
    move(incoming, join_path(dir, part_name(0)));
    save(dir + "/archive.json", archive_to_json(archive));
    move(dir, archive_dir(vault, archive));
}

void Storage::complete_upload(const Vault& vault, const Archive& archive) {
    std::string dir = format("{}/uploads/{}", vault_dir(vault.name), archive.upload_id);
    save(dir + "/archive.json", archive_to_json(archive));
    move(dir, archive_dir(vault, archive));
}

void Storage::delete_archive(const Vault& vault, const Archive& archive, Timestamp when, bool keep) {
    // The line is what makes it true: killed before the move, the next start makes up for it.
    add_gone(archive, when);
    std::string aside = keep ? format("{}/deleted/{}", vault_dir(vault.name), archive.id) : incoming_path();
    move(archive_dir(vault, archive), aside);
    if (!keep) discard(aside);
}

void Storage::purge_archive(const Vault& vault, const std::string& id) {
    discard(format("{}/deleted/{}", vault_dir(vault.name), id));
}

void Storage::add_gone(const Archive& archive, Timestamp when) {
    Json line = {{"id", archive.id},
                 {"size_bytes", archive.size_bytes},
                 {"created", format_iso_utc(archive.created)},
                 {"deleted", format_iso_utc(when)}};
    append_line(dir_ + "/gone.jsonl", line.dump());
    gone_.push_back({archive.size_bytes, archive.created, when, true});
}

void Storage::load_gone() {
    std::string text = read_if_there(dir_ + "/gone.jsonl").value_or("");
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
        Json line = parse_json(std::string_view(text).substr(at, end - at));
        auto time = [&](const char* key) {
            return parse_utc(line.value(key, std::string())).value_or(Timestamp{});
        };
        gone_.push_back({line.value("size_bytes", std::uint64_t{0}), time("created"), time("deleted"), true});
        last_gone_id_ = line.value("id", std::string());
    }
}

// Jobs

void Storage::save_job(const Vault& vault, const Job& job) {
    save(format("{}/jobs/{}.json", vault_dir(vault.name), job.id), job_to_json(job));
}

void Storage::remove_job(const Vault& vault, const std::string& id) {
    discard(format("{}/jobs/{}.json", vault_dir(vault.name), id));
    discard(job_output_path(vault, id));
}

std::string Storage::job_output_path(const Vault& vault, const std::string& id) const {
    return format("{}/jobs/{}.output", vault_dir(vault.name), id);
}

std::string Storage::inventory_path(const Vault& vault) const {
    return vault_dir(vault.name) + "/inventory.jsonl";
}

}  // namespace icecore::sim::glacier
