#include "base/format.h"
#include "base/units.h"
#include "cli/cold_restore.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/session.h"
#include "cli/table.h"
#include "engine/offsite.h"
#include "engine/thaw_list.h"
#include "store/target.h"

namespace icecore::cli {
namespace {

using catalog::Thaw;

std::string_view state_name(Thaw::State state) {
    switch (state) {
        case Thaw::State::wanted:
            return "to be asked for";
        case Thaw::State::asked:
            return "thawing";
        case Thaw::State::ready:
            return "ready";
        case Thaw::State::failed:
            return "failed";
        case Thaw::State::fetched:
            return "fetched";
    }
    return "";
}

class JobsCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "jobs",
            .summary = "show what a cold store was asked for",
            .description =
                "Shows what restores have asked a cold store to make readable, and how far each\n"
                "is. What is under way is looked at first, which costs nothing. `restore`, run\n"
                "again, goes on with what is ready.",
            .example = "icecore jobs",
        };
        return kTexts;
    }
    void declare(Arguments& arguments) override {
        arguments.flag("--offline", offline_, "show what is known here, without asking the store");
    }
    int run(Session& session) override {
        bool as_json = session.options().json;
        JsonOutput json(session.io().out);
        if (as_json) json.writer().begin_object().key("jobs").begin_array();
        constexpr auto right = Table::Align::right;
        Table table({{"SET"},
                     {"OBJECT"},
                     {"BYTES", right},
                     {"TIER"},
                     {"STATE"},
                     {"ASKED"},
                     {"UNTIL"},
                     {"FETCHED", right}});
        std::size_t rows = 0;
        for (const engine::SetOptions* set : session.sets()) {
            std::unique_ptr<TerminalObserver> observer = session.observer();
            engine::Environment environment = session.environment();
            auto open = [&](engine::Observer& told) { return engine::open_target(environment, *set, told); };
            for (const Thaw& thaw : engine::list_thaws(environment, *set, !offline_, open, *observer)) {
                ++rows;
                if (as_json)
                    write(json.writer(), set->name, thaw);
                else
                    add(table, set->name, thaw);
            }
            observer->finish();
        }
        if (as_json) {
            json.writer().end_array().end_object();
            json.finish();
        } else if (rows > 0) {
            session.io().out << table.text();
        } else {
            session.io().out << "nothing is being thawed\n";
        }
        return kDone;
    }

  private:
    static void add(Table& table, const std::string& set, const Thaw& thaw) {
        bool asked = thaw.state != Thaw::State::wanted;
        table.row({set, thaw.name + format(" @{}", thaw.offset), format_bytes(thaw.length_bytes),
                   std::string(tier_name(static_cast<store::ThawTier>(thaw.tier))),
                   std::string(state_name(thaw.state)), asked ? format_local(thaw.asked_at) : "",
                   thaw.until ? format_local(*thaw.until) : "", format_bytes(thaw.fetched_bytes)});
    }

    static void write(JsonWriter& json, const std::string& set, const Thaw& thaw) {
        json.begin_object().field("set", set).key("object").path(thaw.name);
        json.field("offset", thaw.offset).field("bytes", thaw.length_bytes);
        json.field("tier", tier_name(static_cast<store::ThawTier>(thaw.tier)))
            .field("state", state_name(thaw.state));
        json.key("asked");
        thaw.state == Thaw::State::wanted ? json.null() : json.time(thaw.asked_at);
        json.key("until");
        thaw.until ? json.time(*thaw.until) : json.null();
        json.field("fetched_bytes", thaw.fetched_bytes).field("message", thaw.message).end_object();
    }

    bool offline_ = false;
};

}  // namespace

std::unique_ptr<Command> make_jobs_command() {
    return std::make_unique<JobsCommand>();
}

}  // namespace icecore::cli
