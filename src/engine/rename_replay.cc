#include "engine/rename_replay.h"

#include "base/error.h"
#include "base/format.h"
#include "base/text.h"

namespace icecore::engine {
namespace {

/// A name that was touched. What is below it and was not, is as in the old tree at `origin`.
struct Node {
    std::optional<std::string> origin;  ///< path in the old tree; none: made on the way to a rename's target
    std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
    std::set<std::string, std::less<>> gone;
};

std::string path_of(std::string_view tar_name) {
    if (tar_name.starts_with("./")) tar_name.remove_prefix(2);
    while (tar_name.ends_with('/')) tar_name.remove_suffix(1);
    return std::string(tar_name);
}

class Replay {
  public:
    Replay(const std::function<bool(const std::string&)>& exists, const std::set<std::string>& kept)
        : exists_(exists), kept_(kept) {
        root_.origin = "";
    }

    void rename(const archive::Dumpdir::Rename& rename) {
        std::string from = path_of(rename.from), to = path_of(rename.to);
        Node* parent = walk(parent_path(from), false);
        Node* node = parent != nullptr ? child(*parent, base_name(from)) : nullptr;
        if (node == nullptr)
            throw Error(Error::Kind::corrupt,
                        format("the archive renames \"{}\", which is not there", escape_path(from)));
        std::string name(base_name(from));
        std::unique_ptr<Node> moved = std::move(parent->children[name]);
        parent->children.erase(name);
        parent->gone.insert(name);
        walk(parent_path(to), true)->children[std::string(base_name(to))] = std::move(moved);
    }

    NetRenames net() {
        for (const auto& [name, node] : root_.children) {
            bool purged = !kept_.contains(name);
            if (purged && node->origin) purged_.insert(*node->origin);
        }
        for (auto& [name, node] : root_.children)
            if (kept_.contains(name)) visit(name, *node, root_);
        return std::move(out_);
    }

  private:
    /// The node of a directory; with `make`, what is missing is made. nullptr if it is not there.
    Node* walk(std::string_view path, bool make) {
        Node* node = &root_;
        while (!path.empty()) {
            std::string_view name = path.substr(0, path.find('/'));
            Node* next = child(*node, name);
            if (next == nullptr) {
                if (!make) return nullptr;
                next = (node->children[std::string(name)] = std::make_unique<Node>()).get();
            }
            node = next;
            path.remove_prefix(std::min(path.size(), name.size() + 1));
        }
        return node;
    }

    Node* child(Node& node, std::string_view name) {
        if (auto known = node.children.find(name); known != node.children.end()) return known->second.get();
        if (!node.origin || node.gone.contains(name)) return nullptr;
        std::string origin = join_path(*node.origin, name);
        if (!exists_(origin)) return nullptr;
        auto& made = node.children[std::string(name)] = std::make_unique<Node>();
        made->origin = std::move(origin);
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
        std::string name(base_name(path));
        bool natural = node.origin && parent.origin && *node.origin == join_path(*parent.origin, name);
        if (node.origin && !natural) out_.renames.push_back({*node.origin, path});
        for (auto& [below, next] : node.children) visit(join_path(path, below), *next, node);
    }

    const std::function<bool(const std::string&)>& exists_;
    const std::set<std::string>& kept_;
    Node root_;
    std::set<std::string> purged_;
    NetRenames out_;
};

}  // namespace

NetRenames replay_renames(const std::vector<archive::Dumpdir::Rename>& sequence,
                          const std::function<bool(const std::string& path)>& exists,
                          const std::set<std::string>& kept) {
    Replay replay(exists, kept);
    for (const archive::Dumpdir::Rename& rename : sequence) replay.rename(rename);
    return replay.net();
}

}  // namespace icecore::engine
