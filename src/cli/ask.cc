#include "cli/ask.h"

#include "base/error.h"
#include "cli/output.h"

namespace icecore::cli {

void ask(Session& session, std::string_view question, const std::string& fallback, const std::string& given,
         const Accept& accept) {
    Io& io = session.io();
    std::string answer = given;
    for (;;) {
        if (!answer.empty()) {
            try {
                return accept(answer);
            } catch (const Error& error) {
                session.messages().error(error);
            }
        }
        io.out << question;
        if (!fallback.empty()) io.out << " [" << shown_path(fallback) << "]";
        io.out << ": ";
        io.out.flush();
        if (!std::getline(io.in, answer)) throw_no_answer();
        if (answer.empty()) answer = fallback;
    }
}

void throw_no_answer() {
    throw Error(Error::Kind::cancelled, "no answer: nothing was written");
}

bool ask_yes(Io& io, std::string_view question) {
    io.out << question << " [Y/n] ";
    io.out.flush();
    std::string answer;
    return std::getline(io.in, answer) && (answer.empty() || answer[0] == 'y' || answer[0] == 'Y');
}

}  // namespace icecore::cli
