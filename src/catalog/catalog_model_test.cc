#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/format.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "catalog/test_support.h"

// The catalogue against a model that keeps the whole tree of every run as a map from path to entry.

namespace icecore::catalog {
namespace {

/// Path → what stands there. Entry::node is the model's own number of a directory.
using Tree = std::map<std::string, Entry>;

struct ModelRun {
    RunNumber number;
    RunNumber chain;
    Tree tree;
};

/// One random instruction; what its numbers mean depends on the tree they meet.
struct Step {
    unsigned what;
    unsigned a;
    unsigned b;
    unsigned c;
};

const std::vector<std::string> kNames = {"a", "a-", "a.b", "ab", "\xff\xfe", "b", "B", "\x01"};

Tree take_subtree(Tree& tree, const std::string& path) {
    Tree out;
    for (auto item = tree.begin(); item != tree.end();) {
        if (is_below(item->first, path)) {
            out.insert(*item);
            item = tree.erase(item);
        } else {
            ++item;
        }
    }
    return out;
}

std::vector<std::string> directories(const Tree& tree) {
    std::vector<std::string> out;
    for (const auto& [path, entry] : tree)
        if (entry.node != 0) out.push_back(path);
    return out;
}

auto depth(const std::string& path) {
    return std::count(path.begin(), path.end(), '/');
}

/// Makes random runs, feeds the same to the catalogue and to the model.
class History {
  public:
    explicit History(Catalog& catalog) : catalog_(&catalog) {}

    void use(Catalog& catalog) { catalog_ = &catalog; }
    const std::vector<ModelRun>& runs() const { return runs_; }

    void add_run(const std::vector<Step>& steps, bool full) {
        full = full || runs_.empty();
        number_ += steps.size() % 3 == 2 ? 2U : 1U;  // some runs are never recorded
        Tree before = runs_.empty() ? Tree{} : runs_.back().tree;
        archive::ManifestHeader header = make_header(number_, full ? 0 : runs_.back().number);
        header.chain = full ? number_ : runs_.back().chain;
        writer_ = catalog_->begin_run(header);
        tree_.clear();
        reserved_.clear();
        if (full) {
            put_copy(before, steps.empty() ? 0 : steps.front().a);
        } else {
            tree_ = before;
            rename(steps);
            remove(steps);
            while (!reserved_.empty()) put(std::string(*reserved_.begin()), FileType::directory, 1);
        }
        for (const Step& step : steps) random_put(step);
        writer_->commit({});
        writer_.reset();
        runs_.push_back({number_, header.chain, tree_});
    }

  private:
    void rename(const std::vector<Step>& steps) {
        std::map<std::string, std::string> renames;
        std::set<std::string> targets;
        std::vector<std::string> paths;
        for (const auto& [path, entry] : tree_)
            if (!path.empty()) paths.push_back(path);
        auto add = [&](const std::string& from, const std::string& to) {
            if (renames.contains(from) || targets.contains(to)) return;
            renames[from] = to;
            targets.insert(to);
        };
        for (const Step& step : steps) {
            if (paths.empty() || step.what % 4 != 0) continue;
            const std::string& from = paths[step.a % paths.size()];
            const std::string& other = paths[step.b % paths.size()];
            switch (step.c % 4) {
                case 0:
                    add(from, other);
                    add(other, from);
                    break;  // swap; nested ones swap parent and child
                case 1:
                    add(from, other);
                    break;
                case 2:
                    add(from, other + "/" + kNames[step.a % kNames.size()]);
                    break;
                default:
                    add(from, kNames[step.b % kNames.size()] + "/new/" + kNames[step.a % kNames.size()]);
            }
        }
        apply_renames(renames);
    }

    void apply_renames(const std::map<std::string, std::string>& renames) {
        std::vector<std::pair<std::string, std::string>> moves(renames.begin(), renames.end());
        for (const auto& [from, to] : moves) writer_->rename({from, to});
        auto by = [&](auto member) {
            std::stable_sort(moves.begin(), moves.end(), [&](const auto& x, const auto& y) {
                return depth(x.*member) < depth(y.*member);
            });
        };
        using Move = std::pair<std::string, std::string>;
        by(&Move::first);
        std::map<std::string, Tree> taken;
        for (auto move = moves.rbegin(); move != moves.rend(); ++move)
            taken[move->first] = take_subtree(tree_, move->first);
        by(&Move::second);
        for (const auto& [from, to] : moves) {
            make_parents(to);
            take_subtree(tree_, to);
            for (auto& [path, entry] : taken[from]) {
                Entry& moved = tree_[to + path.substr(from.size())] = entry;
                if (path == from) {
                    moved.name = base_name(to);
                    moved.added = number_;
                }
            }
        }
    }

    void make_parents(const std::string& path) {
        for (std::size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1)) {
            std::string dir = path.substr(0, slash);
            auto there = tree_.find(dir);
            if (there != tree_.end() && there->second.node != 0) continue;
            Entry& made = tree_[dir] = Entry{};
            made.node = ++last_id_;
            reserved_.insert(dir);
        }
    }

    bool holds_reserved(const std::string& path) const {
        return std::any_of(reserved_.begin(), reserved_.end(),
                           [&](const auto& dir) { return is_below(dir, path); });
    }

    void remove(const std::vector<Step>& steps) {
        for (const Step& step : steps) {
            if (step.what % 4 != 1) continue;
            std::string path = std::next(tree_.begin(), step.a % std::ssize(tree_))->first;
            if (path.empty() || holds_reserved(path)) continue;
            writer_->remove({path});
            take_subtree(tree_, path);
        }
    }

    void put_copy(const Tree& before, unsigned choice) {
        put("", FileType::directory, choice);
        for (const auto& [path, old] : before) {
            if (path.empty() || !tree_.contains(std::string(parent_path(path)))) continue;
            if ((choice + path.size()) % 5 == 0) continue;
            put_entry(path, old);
        }
    }

    void random_put(const Step& step) {
        constexpr FileType kTypes[] = {FileType::regular, FileType::directory, FileType::regular,
                                       FileType::symlink, FileType::directory, FileType::char_device};
        auto dirs = directories(tree_);
        FileType type = kTypes[step.c % std::size(kTypes)];
        if (step.what % 16 == 2) {
            put("", FileType::directory, step.c);
        } else if (step.what % 4 == 2) {  // what is there, changed or not
            auto item = std::next(tree_.begin(), step.a % std::ssize(tree_));
            std::string path = item->first;
            put(path, path.empty() ? FileType::directory : item->second.stat.type, step.b);
        } else {
            put(join_path(dirs[step.a % dirs.size()], kNames[step.b % kNames.size()]), type, step.c);
        }
    }

    /// `content` decides all fields, out of few enough that equal versions are common.
    void put(const std::string& path, FileType type, unsigned content) {
        Entry e;
        e.stat.type = type;
        e.stat.mode = 0600 + content % 2;
        e.stat.uid = content % 3 == 0 ? 0xffffffffU : 7;
        e.stat.mtime = {content % 3 == 0 ? -5'000'000'000 : 7'000'000'000, content % 2};
        e.stat.ctime = {static_cast<std::int64_t>(number_), content};
        e.stat.ino = (1ULL << 63) + content % 4;
        if (type == FileType::regular) {
            e.stat.size = content % 5;
            e.sha256 = sha256(std::to_string(content % 3));
            e.location = {number_, content, content * 512ULL, 512};
            e.sparse = content % 7 == 0;
            e.racy = content % 2 == 1;
        }
        if (type == FileType::symlink) e.link_target = kNames[content % kNames.size()];
        if (type == FileType::char_device) e.stat.rdev_minor = content % 2;
        put_entry(path, e);
    }

    void put_entry(const std::string& path, Entry e) {
        archive::ManifestEntry line;
        line.path = path;
        line.stat = e.stat;
        line.link_target = e.link_target;
        line.sha256 = e.sha256;
        line.location = e.location;
        line.stored = e.sparse ? Stored::sparse : Stored::whole;
        line.racy = e.racy;
        writer_->put(line);

        e.name = base_name(path);
        e.added = number_;
        reserved_.erase(path);
        auto there = tree_.find(path);
        bool was_directory = there != tree_.end() && there->second.node != 0;
        if (e.stat.type != FileType::directory) {
            take_subtree(tree_, path);
            e.node = 0;
        } else {
            e.node = was_directory ? there->second.node : ++last_id_;
        }
        tree_[path] = e;
    }

    Catalog* catalog_;
    std::vector<ModelRun> runs_;
    RunNumber number_ = 0;
    NodeId last_id_ = 0;
    // Of the run being made:
    std::unique_ptr<RunWriter> writer_;
    Tree tree_;
    std::set<std::string> reserved_;  ///< directories that renames made, without a line so far
};

/// Compares entries, learning which node is which of the model's directories.
class Matcher {
  public:
    void expect(const std::string& path, const Entry& want, const Entry& got) {
        RC_ASSERT(describe(path, got) == describe(path, want));
        RC_ASSERT((want.node == 0) == (got.node == 0));
        if (want.node == 0) return;
        RC_ASSERT(node_of_.try_emplace(want.node, got.node).first->second == got.node);
        RC_ASSERT(id_of_.try_emplace(got.node, want.node).first->second == want.node);
    }
    NodeId node_of(NodeId id) const { return node_of_.at(id); }

  private:
    std::map<NodeId, NodeId> node_of_;
    std::map<NodeId, NodeId> id_of_;
};

/// The order walk promises, made by sorting.
std::vector<std::string> walk_order(const Tree& tree, const std::string& dir) {
    std::vector<std::string> out = {dir};
    std::vector<std::string> below;
    for (const auto& [path, entry] : tree) {
        if (path.empty() || parent_path(path) != dir) continue;
        (entry.node == 0 ? out : below).push_back(path);
    }
    for (const std::string& path : below) {
        auto part = walk_order(tree, path);
        out.insert(out.end(), part.begin(), part.end());
    }
    return out;
}

void check_tree(const Catalog& catalog, const ModelRun& run, Matcher& matcher) {
    std::vector<std::string> walked;
    catalog.walk(run.number, "", [&](const std::string& path, const Entry& entry) {
        walked.push_back(path);
        RC_ASSERT(run.tree.contains(path));
        matcher.expect(path, run.tree.at(path), entry);
        return true;
    });
    RC_ASSERT(walked == walk_order(run.tree, ""));
    std::set<std::uint64_t> inodes;
    for (const auto& [path, want] : run.tree) {
        auto got = catalog.lookup(run.number, path);
        RC_ASSERT(got.has_value());
        matcher.expect(path, want, *got);
        RC_ASSERT(!catalog.lookup(run.number, join_path(path, "none")).has_value());
        if (want.node == 0) continue;
        inodes.insert(want.stat.ino);
        RC_ASSERT(catalog.path_of(got->node, run.number) == path);

        std::vector<std::string> listed;
        catalog.children(got->node, run.number, [&](const Entry& child) { listed.push_back(child.name); });
        std::vector<std::string> pulled;
        auto cursor = catalog.open_children(got->node, run.number);
        while (const Entry* child = cursor->next()) pulled.push_back(child->name);
        std::vector<std::string> wanted;
        for (const auto& [other, entry] : run.tree)
            if (!other.empty() && parent_path(other) == path) wanted.push_back(entry.name);
        std::sort(wanted.begin(), wanted.end());
        RC_ASSERT(listed == wanted);
        RC_ASSERT(pulled == wanted);
    }
    for (std::uint64_t ino = (1ULL << 63); ino < (1ULL << 63) + 5; ++ino) {
        auto found = catalog.directory_by_inode(run.number, ino);
        RC_ASSERT(found.has_value() == inodes.contains(ino));
        if (!found) continue;
        RC_ASSERT(run.tree.contains(found->path));
        RC_ASSERT(run.tree.at(found->path).stat.ino == ino);
        RC_ASSERT(found->node == matcher.node_of(run.tree.at(found->path).node));
    }
}

/// What a user sees of a version: all but place, inode, change time and identity.
std::string content(const Entry& e) {
    Entry shown = e;
    shown.stat.ino = 0;
    shown.stat.ctime = {};
    shown.stat.nlink = 0;
    shown.location = {};
    shown.sparse = shown.racy = false;
    shown.added = 0;
    return describe("", shown);
}

void check_find(const Catalog& catalog, const std::vector<ModelRun>& runs) {
    auto matches = [](std::string_view path) { return path.size() % 3 != 1; };
    std::set<std::string> paths;
    for (const ModelRun& run : runs)
        for (const auto& [path, entry] : run.tree)
            if (matches(path)) paths.insert(path);
    std::vector<std::string> want;
    for (const std::string& path : paths) {
        const Entry* open = nullptr;  // the version that the run before had
        RunNumber first = 0;
        RunNumber last = 0;
        auto finish = [&] {
            if (open) want.push_back(format("{}-{} {}", first, last, describe(path, *open)));
        };
        for (const ModelRun& run : runs) {
            auto item = run.tree.find(path);
            const Entry* now = item == run.tree.end() ? nullptr : &item->second;
            if (!now || !open || content(*now) != content(*open)) {
                finish();
                first = run.number;
            }
            open = now;
            last = run.number;
        }
        finish();
    }
    std::vector<std::string> got;
    catalog.find(matches, [&](const PathVersion& version) {
        got.push_back(format("{}-{} {}", version.first, version.last, describe(version.path, version.entry)));
    });
    RC_ASSERT(got == want);
}

char compare(const Entry& a, const Entry& b) {
    if (a.stat.type != b.stat.type) return 'T';
    Entry with_metadata_of_b = a;
    with_metadata_of_b.stat.mode = b.stat.mode;
    with_metadata_of_b.stat.uid = b.stat.uid;
    with_metadata_of_b.stat.gid = b.stat.gid;
    with_metadata_of_b.stat.mtime = b.stat.mtime;
    with_metadata_of_b.metadata = b.metadata;
    if (content(with_metadata_of_b) != content(b)) return 'M';
    return content(a) != content(b) ? 'm' : '=';
}

void check_diff(const Catalog& catalog, const ModelRun& before, const ModelRun& after) {
    Tree both = before.tree;
    both.insert(after.tree.begin(), after.tree.end());
    std::vector<std::string> want;
    for (const auto& [path, any] : both) {
        auto a = before.tree.find(path);
        auto b = after.tree.find(path);
        bool has_a = a != before.tree.end();
        bool has_b = b != after.tree.end();
        char what = !has_a ? '+' : !has_b ? '-' : compare(a->second, b->second);
        if (what == '=') continue;
        want.push_back(format("{} {} | {}", what, has_a ? describe(path, a->second) : "",
                              has_b ? describe(path, b->second) : ""));
    }
    std::vector<std::string> got;
    catalog.diff(before.number, after.number, [&](const Difference& d) {
        got.push_back(format("{} {} | {}", static_cast<char>(d.what),
                             d.before ? describe(d.path, *d.before) : "",
                             d.after ? describe(d.path, *d.after) : ""));
    });
    RC_ASSERT(got == want);
}

rc::Gen<Step> arbitrary_step() {
    auto number = rc::gen::inRange(0U, 1000U);
    return rc::gen::construct<Step>(number, number, number, number);
}

void showValue(const Step& step, std::ostream& out) {
    out << '{' << step.what << ',' << step.a << ',' << step.b << ',' << step.c << '}';
}

TEST(CatalogModel, EveryRunStaysAsItWas) {
    auto property = [] {
        auto plan = *rc::gen::container<std::vector<std::vector<Step>>>(
            rc::gen::container<std::vector<Step>>(arbitrary_step()));
        if (plan.size() > 7) plan.resize(7);
        for (auto& steps : plan)
            if (steps.size() > 14) steps.resize(14);
        auto full_every = *rc::gen::inRange<std::size_t>(2, 8);
        TemporaryDirectory dir;
        std::string path = dir.path("catalog.db");
        auto catalog = Catalog::open(path);
        History history(*catalog);
        Matcher matcher;
        for (const auto& steps : plan) {
            history.add_run(steps, history.runs().size() % full_every == full_every - 1);
            if (steps.size() % 4 == 1) {
                catalog.reset();
                catalog = Catalog::open(path);
                history.use(*catalog);
            }
            for (const ModelRun& run : history.runs()) check_tree(*catalog, run, matcher);
        }
        check_find(*catalog, history.runs());
        for (const ModelRun& before : history.runs())
            for (const ModelRun& after : history.runs()) check_diff(*catalog, before, after);
    };
    EXPECT_TRUE(rc::check("trees, find and diff equal the model's", property));
}

}  // namespace
}  // namespace icecore::catalog
