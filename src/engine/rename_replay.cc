#include "engine/rename_replay.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>

#include "archive/tar_member.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::engine {
namespace {

/// A name that was touched. What is below it and was not, is as in the old tree at `origin`.
struct Node {
    std::optional<std::string> origin;  ///< path in the old tree; none: made on the way to a rename's target
    bool directory = true;
    std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
    std::set<std::string, std::less<>> gone;
};

class Replay {
  public:
    Replay(const RenamedTree& tree, const std::set<std::string>& kept) : tree_(tree), kept_(kept) {
        root_.origin = "";
    }

    /// False if it cannot be done.
    bool rename(const archive::Dumpdir::Rename& rename) {
        std::string from = archive::path_of_member(rename.from), to = archive::path_of_member(rename.to);
        if (rename.from.empty()) return make_temporary(to);
        Node* parent = walk(parent_path(from), false);
        Node* node = parent != nullptr ? child(*parent, base_name(from)) : nullptr;
        if (node == nullptr) return fail(from, to, "it is not there");
        if (from == to) return true;
        if (is_below(to, from)) return fail(from, to, "that is below itself");
        Node* new_parent = walk(parent_path(to), true);
        if (new_parent == nullptr) return fail(from, to, "no directory can be made there");
        if (Node* there = child(*new_parent, base_name(to))) {
            if (there->directory != node->directory)
                return fail(from, to, "a directory and something else cannot take each other's place");
            if (there->directory && !is_empty(*there))
                return fail(from, to, "a directory is there, and not empty");
        }
        std::string name(base_name(from));
        std::unique_ptr<Node> moved = std::move(parent->children[name]);
        parent->children.erase(name);
        parent->gone.insert(name);
        new_parent->children[std::string(base_name(to))] = std::move(moved);
        return true;
    }

    NetRenames net() {
        for (const auto& [name, node] : root_.children) {
            if (!is_kept(name) && node->origin) purged_.insert(*node->origin);
        }
        for (auto& [name, node] : root_.children)
            if (is_kept(name)) visit(name, *node, root_);
        return std::move(out_);
    }

  private:
    bool is_kept(const std::string& name) const { return !out_.failure.empty() || kept_.contains(name); }

    bool fail(const std::string& from, const std::string& to, std::string_view why) {
        out_.failure = format("renaming \"{}\" to \"{}\": {}", escape_path(from), escape_path(to), why);
        return false;
    }

    bool make_temporary(const std::string& path) {
        Node* parent = walk(parent_path(path), false);
        if (parent == nullptr) return fail("", path, "there is no such directory");
        parent->children[std::string(base_name(path))] = std::make_unique<Node>();
        return true;
    }

    bool is_empty(const Node& node) const {
        if (!node.children.empty()) return false;
        if (!node.origin) return true;
        std::vector<std::string> names = tree_.names(*node.origin);
        return std::all_of(names.begin(), names.end(),
                           [&](const std::string& name) { return node.gone.contains(name); });
    }

    /// The node of a directory; with `make`, what is missing is made. nullptr if it is not there or no
    /// directory.
    Node* walk(std::string_view path, bool make) {
        Node* node = &root_;
        while (!path.empty()) {
            std::string_view name = path.substr(0, path.find('/'));
            Node* next = child(*node, name);
            if (next == nullptr) {
                if (!make) return nullptr;
                next = (node->children[std::string(name)] = std::make_unique<Node>()).get();
            }
            if (!next->directory) return nullptr;
            node = next;
            path.remove_prefix(std::min(path.size(), name.size() + 1));
        }
        return node;
    }

    Node* child(Node& node, std::string_view name) {
        if (auto known = node.children.find(name); known != node.children.end()) return known->second.get();
        if (!node.origin || node.gone.contains(name)) return nullptr;
        std::string origin = join_path(*node.origin, name);
        std::optional<bool> directory = tree_.is_directory(origin);
        if (!directory) return nullptr;
        auto& made = node.children[std::string(name)] = std::make_unique<Node>();
        made->origin = std::move(origin);
        made->directory = *directory;
        return made.get();
    }

    void visit(const std::string& path, Node& node, const Node& parent) {
        if (!node.origin) {
            // A new directory that took over names of one that is purged is that one, made anew.
            for (const auto& [name, below] : node.children) {
                if (!below->origin || base_name(*below->origin) != name) continue;
                std::string old(parent_path(*below->origin));
                if (!purged_.contains(old)) continue;
                node.origin = old;
                purged_.erase(old);
                out_.anew.push_back(path);
                break;
            }
        }
        if (!node.origin) out_.made.push_back(path);
        std::string name(base_name(path));
        bool natural = node.origin && parent.origin && *node.origin == join_path(*parent.origin, name);
        if (node.origin && !natural) out_.renames.push_back({*node.origin, path});
        for (auto& [below, next] : node.children) visit(join_path(path, below), *next, node);
    }

    const RenamedTree& tree_;
    const std::set<std::string>& kept_;
    Node root_;
    std::set<std::string> purged_;
    NetRenames out_;
};

}  // namespace

NetRenames replay_renames(const std::vector<archive::Dumpdir::Rename>& sequence, const RenamedTree& tree,
                          const std::set<std::string>& kept) {
    Replay replay(tree, kept);
    for (const archive::Dumpdir::Rename& rename : sequence)
        if (!replay.rename(rename)) break;
    return replay.net();
}

}  // namespace icecore::engine
