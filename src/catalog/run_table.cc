#include "base/error.h"
#include "base/format.h"
#include "catalog/database.h"
#include "catalog/row_reader.h"

namespace icecore::catalog {
namespace {

constexpr char kSelect[] =
    "SELECT number, kind, parent, chain, root_node, node_limit, set_name, host, program, archive_name, "
    "compression_method, "
    "compression_level, reason, started_s, started_ns, finished_s, finished_ns, files, directories, added, "
    "changed, "
    "deleted, renamed, excluded, errors, tree_bytes, read_bytes, stored_bytes, interrupted, "
    "coalesce((SELECT p.archive_name FROM run AS p WHERE p.number = run.parent), ''), adopted_name, "
    "adopted_root, adopted_damage FROM run ";
constexpr int kAdoptedName = 30;  ///< its column

/// The counts in the order of their columns.
template <typename Counts>
auto counts_of(Counts& c) {
    return std::array{&c.files,    &c.directories, &c.added,      &c.changed,    &c.deleted,     &c.renamed,
                      &c.excluded, &c.errors,      &c.tree_bytes, &c.read_bytes, &c.stored_bytes};
}

Catalog::Database::RunRow read_run(const sql::Connection& db, const sql::Statement& row) {
    RowReader in(db, row);
    Catalog::Database::RunRow out;
    archive::ManifestHeader& header = out.run.header;
    header.run = in.number_below(kForever);
    std::uint32_t kind = in.number_below(128);
    if (kind != 'f' && kind != 'i') db.fail_damaged("a run is of no known kind");
    header.kind = static_cast<RunKind>(kind);
    header.parent = in.number_below(kForever);
    header.chain = in.number_below(kForever);
    out.root = in.number();
    out.node_limit = in.number();
    if (out.root <= 0 || out.root >= out.node_limit) db.fail_damaged("a directory's number is impossible");
    header.set = in.text();
    header.host = in.text();
    header.program = in.text();
    header.archive_name = in.text();
    header.compression.method = static_cast<archive::Compression::Method>(in.number_below(3));
    header.compression.level = static_cast<int>(in.number_below(1000));
    header.reason = in.text();
    header.started = in.time();
    out.run.trailer.finished = in.time();
    for (std::uint64_t* count : counts_of(out.run.trailer.counts)) *count = in.number64();
    header.interrupted = in.number_below(2) != 0;
    header.parent_archive = in.text();
    if (!row.is_null(kAdoptedName)) {
        archive::AdoptedArchive& adopted = header.adopted.emplace();
        adopted.name = in.text();
        adopted.root = in.text();
        adopted.damage = in.text();
    }
    return out;
}

void read_volumes(const sql::Connection& db, Run& run) {
    sql::Statement row(db,
                       "SELECT number, name, stored_bytes, raw_bytes, sha256, tree_hash FROM volume "
                       "WHERE run = ?1 ORDER BY number");
    row.bind(1, run.number());
    while (row.step()) {
        RowReader in(db, row);
        archive::VolumeInfo volume;
        volume.number = in.number32();
        volume.name = in.text();
        volume.stored_bytes = in.number64();
        volume.raw_bytes = in.number64();
        volume.sha256 = in.digest();
        volume.tree_hash = in.digest();
        run.trailer.volumes.push_back(std::move(volume));
    }
}

void insert_volume(const sql::Connection& db, RunNumber run, const archive::VolumeInfo& volume) {
    sql::Statement insert(db, "INSERT INTO volume VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    insert.bind(1, run).bind(2, volume.number).bind(3, volume.name);
    insert.bind(4, sql::to_signed(volume.stored_bytes)).bind(5, sql::to_signed(volume.raw_bytes));
    insert.bind(6, volume.sha256.view()).bind(7, volume.tree_hash.view());
    insert.run();
}

}  // namespace

std::vector<Run> Catalog::Database::runs() {
    sql::Statement row(*connection, format("{} ORDER BY number", kSelect).c_str());
    std::vector<Run> out;
    while (row.step()) {
        out.push_back(read_run(*connection, row).run);
        read_volumes(*connection, out.back());
    }
    return out;
}

std::optional<Catalog::Database::RunRow> Catalog::Database::run_row(RunNumber number) {
    sql::Statement row(*connection, format("{} WHERE number = ?1", kSelect).c_str());
    row.bind(1, number);
    if (!row.step()) return std::nullopt;
    RunRow out = read_run(*connection, row);
    read_volumes(*connection, out.run);
    return out;
}

NodeId Catalog::Database::root_of(RunNumber number) {
    Lease row = lease(Query::run_root);
    row->bind(1, number);
    if (!row->step()) throw Error(Error::Kind::not_found, format("there is no run {}", number));
    NodeId root = row->number(0);
    if (root <= 0) connection->fail_damaged("a directory's number is impossible");
    return root;
}

std::vector<Catalog::Database::RunRoot> Catalog::Database::run_roots() {
    sql::Statement row(*connection, "SELECT number, chain, root_node FROM run ORDER BY number");
    std::vector<RunRoot> out;
    while (row.step()) {
        RowReader in(*connection, row);
        RunNumber number = in.number_below(kForever);
        RunNumber chain = in.number_below(kForever);
        out.push_back({number, chain, in.number()});
        if (out.back().root <= 0) connection->fail_damaged("a directory's number is impossible");
    }
    return out;
}

RunNumber Catalog::Database::last_of_chain(RunNumber chain) {
    sql::Statement row(*connection, "SELECT max(number) FROM run WHERE chain = ?1");
    row.bind(1, chain);
    return row.step() && !row.is_null(0) ? RowReader(*connection, row).number_below(kForever) : 0;
}

void Catalog::Database::insert_run(const RunRow& row) {
    const archive::ManifestHeader& header = row.run.header;
    const archive::ManifestTrailer& trailer = row.run.trailer;
    sql::Statement insert(
        *connection,
        "INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "
        "?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)");
    int column = 0;
    auto number = [&](std::int64_t value) { insert.bind(++column, value); };
    auto text = [&](std::string_view value) { insert.bind(++column, value); };
    number(header.run);
    number(static_cast<char>(header.kind));
    number(header.parent);
    number(header.chain);
    number(row.root);
    number(row.node_limit);
    text(header.set);
    text(header.host);
    text(header.program);
    text(header.archive_name);
    number(static_cast<std::int64_t>(header.compression.method));
    number(header.compression.level);
    text(header.reason);
    number(header.started.sec);
    number(header.started.nsec);
    number(trailer.finished.sec);
    number(trailer.finished.nsec);
    for (const std::uint64_t* count : counts_of(trailer.counts)) number(sql::to_signed(*count));
    number(header.interrupted ? 1 : 0);
    if (header.adopted) {
        text(header.adopted->name);
        text(header.adopted->root);
        text(header.adopted->damage);
    }  // else they stay unbound, which is NULL
    insert.run();
    for (const archive::VolumeInfo& volume : trailer.volumes) insert_volume(*connection, header.run, volume);
}

}  // namespace icecore::catalog
