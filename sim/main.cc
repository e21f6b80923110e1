#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "sim/access.h"
#include "sim/auth.h"
#include "sim/bill.h"
#include "sim/clock.h"
#include "sim/control.h"
#include "sim/faults.h"
#include "sim/glacier/api.h"
#include "sim/s3/api.h"
#include "sim/server.h"

namespace icecore::sim {
namespace {

struct Options {
    std::string listen = "127.0.0.1:0";
    std::string data;
    std::vector<std::string> credentials;
    std::vector<std::string> policies;
    std::string region = "us-east-1";
    std::string account = "123456789012";
    double time_scale = 1;
    bool freeze = false;
    std::string faults;
    std::string prices;
    unsigned parts_max = s3::Api::kPartsMax;
};

void add_options(CLI::App& app, Options& options) {
    app.add_option("--listen", options.listen, "HOST:PORT to listen on; port 0: any")->capture_default_str();
    app.add_option("--data", options.data, "directory that everything is kept in")->required();
    app.add_option("--credentials", options.credentials,
                   "KEY:SECRET[:TOKEN[:EXPIRES]] that may sign requests (may be repeated)")
        ->required();
    app.add_option("--policy", options.policies,
                   "KEY=FILE: this key may do only what the IAM policy in FILE allows (may be repeated)");
    app.add_option("--region", options.region, "region that signatures are for")->capture_default_str();
    app.add_option("--account", options.account, "account number, 12 digits")->capture_default_str();
    app.add_option("--time-scale", options.time_scale, "virtual seconds a second")
        ->check(CLI::Range(0.0, VirtualClock::kScaleMax));
    app.add_flag("--freeze", options.freeze, "the virtual clock moves on order only");
    app.add_option("--faults", options.faults, "JSON file of faults");
    app.add_option("--parts-max", options.parts_max,
                   "parts that an S3 upload may have, as in stores that take fewer")
        ->check(CLI::Range(1U, s3::Api::kPartsMax));
    app.add_option("--prices", options.prices, "JSON file of prices (else those of src/cost/prices.json)");
}

void check_account(const std::string& account) {
    bool digits = account.size() == 12 &&
                  std::all_of(account.begin(), account.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) throw Error(Error::Kind::invalid, "--account needs 12 digits");
}

/// "KEY=FILE" of each restricted key.
Access read_policies(const Options& options, const std::vector<AccessKey>& keys) {
    Access access(options.account);
    for (const std::string& text : options.policies) {
        std::size_t equals = text.find('=');
        std::string id = text.substr(0, equals);
        auto same = [&](const AccessKey& key) { return key.id == id; };
        if (equals == std::string::npos || std::none_of(keys.begin(), keys.end(), same))
            throw Error(Error::Kind::invalid, "--policy needs KEY=FILE, where KEY is one of --credentials");
        std::string path = text.substr(equals + 1);
        try {
            access.restrict(id, Policy::parse(read_file(path), Policy::Kind::identity));
        } catch (Error& error) {
            error.add_context(path);
            throw;
        }
    }
    return access;
}

/// Two processes must not work in one directory.
Fd lock_data(const std::string& dir) {
    Fd fd = open_file(dir + "/lock", O_RDWR | O_CREAT, 0600);
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        throw Error(Error::Kind::denied, "another icecore-sim works in " + dir);
    return fd;
}

/// What is not for the vaults is for S3.
bool is_for_vaults(const Request& request) {
    if (request.header("x-amz-glacier-version") != nullptr) return true;
    const std::string* authorization = request.header("Authorization");
    return authorization != nullptr && authorization->find("/glacier/aws4_request") != std::string::npos;
}

void run(const CLI::App& app, const Options& options) {
    check_account(options.account);
    std::vector<AccessKey> keys;
    for (const std::string& text : options.credentials) keys.push_back(parse_access_key(text));
    Access access = read_policies(options, keys);
    if (::mkdir(options.data.c_str(), 0700) != 0 && errno != EEXIST) throw_errno("making " + options.data);

    Fd lock = lock_data(options.data);

    SystemClock real;
    VirtualClock clock(real, options.data + "/clock.json");
    if (options.freeze || app.count("--time-scale") > 0)
        clock.set_scale(options.freeze ? 0 : options.time_scale);
    Authenticator authenticator(keys, options.region, real);
    Faults faults;
    if (!options.faults.empty()) faults.add(read_file(options.faults));
    Bill bill(
        options.prices.empty() ? cost::Prices::built_in() : cost::Prices::parse(read_file(options.prices)),
        options.data + "/bill.jsonl");
    ApiSetting setting{clock, authenticator, access, faults, bill};
    glacier::Api vaults({options.data + "/glacier", options.account, options.region}, setting);
    s3::Api objects({options.data + "/s3", options.account, options.region}, setting, options.parts_max);
    Control control(clock, faults, bill, [&] { return Stored{vaults.stored(), objects.stored()}; });

    Server server(options.listen, [&](const Request& request, RequestBody& body) {
        if (Control::takes(request)) return control.handle(request, body);
        return is_for_vaults(request) ? vaults.handle(request, body) : objects.handle(request, body);
    });
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::jthread serving([&] { server.run(); });
    std::printf("listening on %s\n", server.address().c_str());
    std::fflush(stdout);
    int signal = 0;
    sigwait(&signals, &signal);
    server.stop();
}

int main_program(int argc, char** argv) {
    CLI::App app(
        "A simulator of Amazon S3 and of Glacier vaults, strict enough to rehearse with. It prints the "
        "address "
        "that it listens on, and runs until SIGTERM.",
        "icecore-sim");
    Options options;
    add_options(app, options);
    CLI11_PARSE(app, argc, argv);
    try {
        run(app, options);
        return 0;
    } catch (const Error& error) {
        std::fprintf(stderr, "icecore-sim: %s\n", error.what());
        if (!error.hint().empty()) std::fprintf(stderr, "hint: %s\n", error.hint().c_str());
        return 1;
    }
}

}  // namespace
}  // namespace icecore::sim

int main(int argc, char** argv) {
    return icecore::sim::main_program(argc, argv);
}
