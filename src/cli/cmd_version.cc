#include "archive/manifest.h"
#include "base/format.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/session.h"

namespace icecore::cli {
namespace {

class VersionCommand final : public Command {
  public:
    const Texts& texts() const override {
        static const Texts kTexts = {
            .name = "version",
            .summary = "print the program's version",
            .description = "Prints the version of the program and of the manifests that it writes.",
            .example = "icecore version",
        };
        return kTexts;
    }
    void declare(Arguments&) override {}
    int run(Session& session) override {
        std::string manifest = format("{}.{}", archive::kManifestMajor, archive::kManifestMinor);
        if (session.options().json) {
            JsonOutput json(session.io().out);
            json.writer().begin_object().field("version", program_version()).field("manifest", manifest);
            json.writer().end_object();
            json.finish();
        } else {
            session.io().out << format("icecore {} (manifest format {})\n", program_version(), manifest);
        }
        return kDone;
    }
};

}  // namespace

std::unique_ptr<Command> make_version_command() {
    return std::make_unique<VersionCommand>();
}

}  // namespace icecore::cli
