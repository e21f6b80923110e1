#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "base/format.h"
#include "base/json_document.h"
#include "base/test_dir.h"
#include "cloud/credentials.h"
#include "cloud/test_credentials.h"

// The order of sources is that of botocore, which the AWS command line uses: it resolves the same
// environments and files as we do.

namespace icecore::cloud {
namespace {

/// Serves container and instance credentials on a loopback port, resolves each case and says what came out:
/// an access key, or "web identity", "other program", "none", "error".
constexpr const char* kResolver = R"(
import http.server, json, os, sys, threading
import botocore.session

class Server(http.server.BaseHTTPRequestHandler):
    def answer(self, text):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())
    def do_PUT(self): self.answer("T")
    def do_GET(self):
        if self.path.endswith("/security-credentials/"): return self.answer("r")
        key = "INSTANCE" if self.path.endswith("/r") else "CONTAINER"
        self.answer(json.dumps(dict(AccessKeyId=key, SecretAccessKey="s", Token="t", Expiration="2999-01-01T00:00:00Z")))
    def log_message(self, *ignored): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = "http://127.0.0.1:%d" % server.server_port

def resolve(case, directory):
    os.environ.clear()
    os.environ.update({k: v.replace("SERVER", url) for k, v in case["env"].items()})
    for name in ("config", "credentials"):
        with open(os.path.join(directory, name), "w") as f: f.write(case[name])
    try:
        got = botocore.session.Session(profile=case["profile"] or None).get_credentials()
        if got is None: return "none"
        if got.method == "assume-role-with-web-identity": return "web identity"
        if got.method in ("assume-role", "sso"): return "other program"
        frozen = got.get_frozen_credentials()
        return frozen.access_key + "/" + (frozen.token or "")
    except Exception: return "error"

cases = json.load(open(sys.argv[1]))
json.dump([resolve(case, sys.argv[2]) for case in cases], open(sys.argv[3], "w"))
)";

const std::string kProcess =
    R"(credential_process = echo '{"Version": 1, "AccessKeyId": "PROCESS", "SecretAccessKey": "s"}')";
const std::string kRole = "role_arn = arn:aws:iam::111111111111:role/r";
const std::string kServer = "http://127.0.0.1:1";

using Environment = std::map<std::string, std::string>;

struct BotocoreTest : CredentialsFixture {
    TestDir dir;
    Json cases = Json::array();

    /// What either file can say about a profile; `file` tells their keys apart.
    std::vector<std::string> profiles(const std::string& file) const {
        std::string keys = "aws_access_key_id = " + file + "\naws_secret_access_key = s";
        return {"",
                "region = r",
                keys,
                keys + "\naws_session_token = of-" + file,
                "aws_access_key_id = HALF",
                "aws_secret_access_key = HALF",
                kProcess,
                keys + "\n" + kProcess,
                kRole + "\nsource_profile = source",
                "web_identity_token_file = TOKEN\n" + kRole,
                "web_identity_token_file = TOKEN",
                "sso_start_url = https://x\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = r\n" +
                    keys,
                "s3 =\n  aws_access_key_id = NESTED\n" + keys};
    }
    std::vector<Environment> environments() const {
        Environment keys = {{"AWS_ACCESS_KEY_ID", "ENVIRONMENT"}, {"AWS_SECRET_ACCESS_KEY", "s"}};
        Environment token = keys;
        token["AWS_SESSION_TOKEN"] = "t";
        Environment profile_and_keys = keys;
        profile_and_keys["AWS_PROFILE"] = "p";
        Environment absent_and_keys = keys;
        absent_and_keys["AWS_PROFILE"] = "absent";
        return {
            {},
            token,
            {{"AWS_ACCESS_KEY_ID", "HALF"}},
            {{"AWS_SECRET_ACCESS_KEY", "HALF"}},
            {{"AWS_PROFILE", "p"}},
            {{"AWS_DEFAULT_PROFILE", "p"}},
            profile_and_keys,
            absent_and_keys,
            {{"AWS_WEB_IDENTITY_TOKEN_FILE", "TOKEN"}, {"AWS_ROLE_ARN", "arn:aws:iam::111111111111:role/r"}},
            {{"AWS_WEB_IDENTITY_TOKEN_FILE", "TOKEN"}},
            {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "SERVER/container"}},
            {{"AWS_EC2_METADATA_DISABLED", "false"}}};
    }
    void add(const Environment& environment, const std::string& profile, const std::string& config,
             const std::string& credentials) {
        Environment all = {{"HOME", dir.path()},
                           {"PATH", "/usr/bin:/bin"},
                           {"AWS_CONFIG_FILE", dir.path("config")},
                           {"AWS_SHARED_CREDENTIALS_FILE", dir.path("credentials")},
                           {"AWS_DEFAULT_REGION", "us-east-1"},
                           {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "SERVER"},
                           {"AWS_EC2_METADATA_DISABLED", "true"}};
        for (const auto& [name, value] : environment)
            all[name] = value == "TOKEN" ? dir.path("token") : value;
        auto file = [&](const std::string& text, const std::string& prefix) {
            std::string both = "[profile source]\naws_access_key_id = SOURCE\naws_secret_access_key = s\n";
            if (!text.empty()) both += "[default]\n" + text + "\n[" + prefix + "p]\n" + text + "\n";
            for (std::size_t at; (at = both.find("TOKEN")) != std::string::npos;)
                both.replace(at, 5, dir.path("token"));
            return both;
        };
        cases.push_back({{"env", all},
                         {"profile", profile},
                         {"config", file(config, "profile ")},
                         {"credentials", file(credentials, "")}});
    }
    std::string ours(const Json& test) {
        std::ofstream(dir.path("config")) << test["config"].get<std::string>();
        std::ofstream(dir.path("credentials")) << test["credentials"].get<std::string>();
        variables.clear();
        for (const auto& [name, value] : test["env"].items()) {
            std::string text = value.get<std::string>();
            variables[name] = text.starts_with("SERVER") ? kServer + text.substr(6) : text;
        }
        CredentialsOptions all = options();
        all.profile = test["profile"].get<std::string>();
        try {
            Credentials got = make_credentials_chain(all, clock)->get();
            return got.access_key_id == "WEB" ? "web identity" : got.access_key_id + "/" + got.session_token;
        } catch (const Error& e) {
            if (e.hint().find("export-credentials") != std::string::npos) return "other program";
            return e.message().starts_with("no AWS credentials were found") ? "none" : "error";
        }
    }
};

TEST_F(BotocoreTest, ResolvesTheSame) {
    std::ofstream(dir.path("token")) << "token";
    std::ofstream(dir.path("resolve.py")) << kResolver;
    std::vector<std::string> configs = profiles("CONFIG");
    ASSERT_EQ(configs.size(), 13U);  // 5 is prime to it: each credentials file takes its turn
    std::vector<std::string> credentials = profiles("CREDENTIALS");
    for (const std::string& config : configs)
        for (const std::string& other : credentials) add({}, "", config, other);
    for (const Environment& environment : environments())
        for (const char* profile : {"", "p", "absent"})
            for (std::size_t i = 0; i < configs.size(); ++i)
                if (*profile != 'a' || i == 0) add(environment, profile, configs[i], credentials[i * 5 % 13]);
    std::ofstream(dir.path("cases")) << cases.dump();
    // Debian's botocore is with Debian's Python, whatever else is called python3.
    std::string arguments = format(" {0}/resolve.py {0}/cases {0} {0}/results 2>/dev/null", dir.path());
    if (std::system(("/usr/bin/python3" + arguments).c_str()) != 0 &&
        std::system(("/usr/bin/python3" + arguments).c_str()) != 0)
        GTEST_SKIP() << "no botocore";
    Json expected = parse_json(read_file(dir.path("results")));

    services.answer("GET " + kServer + "/container", 200, credentials_json("CONTAINER"));
    services.answer("PUT " + kServer + "/latest/api/token", 200, "T");
    std::string roles = "GET " + kServer + "/latest/meta-data/iam/security-credentials/";
    services.answer(roles, 200, "r");
    services.answer(roles + "r", 200, credentials_json("INSTANCE"));
    services.answer("POST https://sts.us-east-1.amazonaws.com/", 200,
                    "<R><AccessKeyId>WEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t"
                    "</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></R>");
    ASSERT_EQ(expected.size(), cases.size());
    std::map<std::string, int> seen;
    for (std::size_t i = 0; i < cases.size(); ++i) {
        std::string theirs = expected[i].get<std::string>();
        if (theirs.starts_with("CONTAINER/") || theirs.starts_with("INSTANCE/")) theirs = theirs.substr(0, 9);
        std::string got = ours(cases[i]);
        if (got.starts_with("CONTAINER/") || got.starts_with("INSTANCE/")) got = got.substr(0, 9);
        ++seen[theirs];
        // What needs another program takes the profile's process, where there is one.
        if (theirs == "other program" && got == "PROCESS/") continue;
        ASSERT_EQ(got, theirs) << cases[i].dump(1);
    }
    for (const char* kind : {"ENVIRONMENT/t", "CONFIG/of-CONFIG", "CREDENTIALS/", "PROCESS/", "web identity",
                             "other program", "CONTAINER", "INSTANCE/", "none", "error"})
        EXPECT_GT(seen[kind], 0) << kind;
}

}  // namespace
}  // namespace icecore::cloud
