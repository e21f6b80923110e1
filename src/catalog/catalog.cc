#include "catalog/catalog.h"

#include <algorithm>

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"
#include "catalog/database.h"

namespace icecore::catalog {

std::unique_ptr<Catalog> Catalog::open(const std::string& path) {
    return std::unique_ptr<Catalog>(
        new Catalog(std::make_unique<Database>(open_for_writing(path, catalog_schema()))));
}

std::unique_ptr<Catalog> Catalog::open_read_only(const std::string& path) {
    return std::unique_ptr<Catalog>(
        new Catalog(std::make_unique<Database>(open_for_reading(path, catalog_schema()))));
}

Catalog::Catalog(std::unique_ptr<Database> database) : db_(std::move(database)) {}
Catalog::~Catalog() = default;

std::vector<Run> Catalog::runs() const {
    return db_->runs();
}

std::optional<Run> Catalog::run(RunNumber number) const {
    auto row = db_->run_row(number);
    if (!row) return std::nullopt;
    return std::move(row->run);
}

std::optional<Run> Catalog::last_run() const {
    return run(static_cast<RunNumber>(db_->connection->query_number("SELECT max(number) FROM run")));
}

std::vector<Run> Catalog::chain_of(RunNumber number) const {
    auto row = db_->run_row(number);
    if (!row) throw Error(Error::Kind::not_found, format("there is no run {}", number));
    std::vector<Run> chain;
    for (const Database::RunRoot& run_root : db_->run_roots())
        if (run_root.chain == row->run.header.chain && run_root.number < number)
            if (auto earlier = run(run_root.number)) chain.push_back(std::move(*earlier));
    chain.push_back(std::move(row->run));
    return chain;
}

NodeId Catalog::root(RunNumber at) const {
    return db_->root_of(at);
}

std::optional<Entry> Catalog::lookup(RunNumber at, std::string_view path) const {
    return db_->resolve(root(at), at, path);
}

void Catalog::children(NodeId dir, RunNumber at, const std::function<void(const Entry&)>& visit) const {
    Database::Lease row = db_->lease(Query::children);
    row->bind(1, dir).bind(2, "").bind(3, at);
    Entry entry;
    while (row->step()) {
        db_->read_entry(*row, entry);
        visit(entry);
    }
}

namespace {

class Cursor final : public Catalog::ChildCursor {
  public:
    Cursor(const Catalog::Database& db, Catalog::Database::Lease row) : db_(db), row_(std::move(row)) {}
    const Entry* next() override {
        if (done_ || !row_->step()) {
            done_ = true;
            return nullptr;
        }
        db_.read_entry(*row_, entry_);
        return &entry_;
    }

  private:
    const Catalog::Database& db_;
    Catalog::Database::Lease row_;
    Entry entry_;
    bool done_ = false;
};

}  // namespace

std::unique_ptr<Catalog::ChildCursor> Catalog::open_children(NodeId dir, RunNumber at) const {
    Database::Lease row = db_->lease(Query::children);
    row->bind(1, dir).bind(2, "").bind(3, at);
    return std::make_unique<Cursor>(*db_, std::move(row));
}

std::optional<std::string> Catalog::path_of(NodeId node, RunNumber at) const {
    return db_->path_of(node, root(at), at);
}

std::optional<Catalog::FoundDirectory> Catalog::directory_by_inode(RunNumber at, std::uint64_t ino) const {
    NodeId root_node = root(at);
    Database::Lease row = db_->lease(Query::inode_nodes);
    row->bind(1, sql::to_signed(ino)).bind(2, at);
    while (row->step()) {
        NodeId node = row->number(0);
        // Rows of other chains and of directories inside deleted ones are open too: only the way up tells.
        if (auto path = db_->path_of(node, root_node, at)) return FoundDirectory{node, std::move(*path)};
    }
    return std::nullopt;
}

void Catalog::copy_to(const std::string& path) const {
    sql::Statement copy(*db_->connection, "VACUUM INTO CAST(?1 AS TEXT)");
    copy.bind(1, path).run();
}

void Catalog::check_all() const {
    std::string found = db_->connection->query_text("PRAGMA quick_check(1)");
    if (found != "ok") db_->connection->fail_damaged(found);
}

NodeId Catalog::node_limit() const {
    return db_->node_limit();
}

}  // namespace icecore::catalog
