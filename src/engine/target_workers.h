#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/environment.h"
#include "store/target.h"

namespace icecore::engine {

/// Opens another Target for the same place; called by several threads, with an observer that they may share.
using OpenTarget = std::function<std::unique_ptr<store::Target>(Observer&)>;

/// Does `action(target, row)` with each row, on several threads, each with a target of its own. The first
/// error stops the rest, which `stopping` tells them, and is thrown once all have ended.
template <typename Row, typename Action>
void for_each_with_target(const OpenTarget& open, Observer& observer, const std::vector<Row>& rows,
                          unsigned threads_max, std::atomic<bool>& stopping, Action action) {
    if (rows.empty()) return;
    std::atomic<std::size_t> next = 0;
    std::mutex error_mutex;
    std::exception_ptr error;
    stopping = false;
    auto work_off = [&] {
        try {
            std::unique_ptr<store::Target> target = open(observer);
            for (std::size_t i = next++; i < rows.size(); i = next++) action(*target, rows[i]);
        } catch (...) {
            next = rows.size();
            stopping = true;
            std::lock_guard lock(error_mutex);
            if (!error) error = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> threads;
        std::size_t count = std::min<std::size_t>(std::max(1U, threads_max), rows.size());
        while (threads.size() + 1 < count) threads.emplace_back(work_off);
        work_off();
    }
    if (error) std::rethrow_exception(error);
}

}  // namespace icecore::engine
