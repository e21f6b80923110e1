#pragma once

#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <memory>
#include <thread>

namespace icecore::engine {

/// Takes jobs one after the other from `take` (a std::shared_ptr<Job>, null at the end), does `work(job)` on
/// several threads at once and `finish(job)` in the order of taking, one at a time. At most two jobs a thread
/// exist at any time. `threads`: 0 = one a core. The first exception stops the rest and is thrown.
template <typename Job, typename Take, typename Work, typename Finish>
void for_each_job(unsigned threads, Take take, Work work, Finish finish) {
    using oneapi::tbb::filter_mode;
    using oneapi::tbb::make_filter;
    using JobPtr = std::shared_ptr<Job>;
    if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
    auto take_next = [&](oneapi::tbb::flow_control& control) -> JobPtr {
        JobPtr job = take();
        if (job == nullptr) control.stop();
        return job;
    };
    auto do_work = [&](JobPtr job) -> JobPtr {
        work(*job);
        return job;
    };
    auto do_finish = [&](const JobPtr& job) { finish(*job); };
    oneapi::tbb::task_arena arena(static_cast<int>(threads));
    arena.execute([&] {
        oneapi::tbb::parallel_pipeline(
            std::size_t{threads} * 2, make_filter<void, JobPtr>(filter_mode::serial_in_order, take_next) &
                                          make_filter<JobPtr, JobPtr>(filter_mode::parallel, do_work) &
                                          make_filter<JobPtr, void>(filter_mode::serial_in_order, do_finish));
    });
}

}  // namespace icecore::engine
