#pragma once

#include <functional>

#include "sim/bill.h"
#include "sim/clock.h"
#include "sim/faults.h"
#include "sim/server.h"

namespace icecore::sim {

/// What the one who runs the simulator asks and orders, without a signature: /_sim/health, /_sim/clock,
/// /_sim/faults, /_sim/bill (doc/simulator.md). Thread-safe. What is referred to must outlive it.
class Control {
  public:
    /// `stored` tells of all that is stored, for the bill; any thread.
    Control(VirtualClock& clock, Faults& faults, Bill& bill, std::function<Stored()> stored)
        : clock_(clock), faults_(faults), bill_(bill), stored_(std::move(stored)) {}

    static bool takes(const Request& request) { return request.path.starts_with("/_sim/"); }
    Answer handle(const Request& request, RequestBody& body);

  private:
    Response clock(const Request& request, const std::string& text);
    Response faults(const Request& request, const std::string& text);
    Response bill(const Request& request);

    VirtualClock& clock_;
    Faults& faults_;
    Bill& bill_;
    std::function<Stored()> stored_;
};

}  // namespace icecore::sim
