#pragma once

#include <curl/curl.h>

#include <memory>
#include <mutex>
#include <new>
#include <string>

#include "base/error.h"

/// What the clients that are made of libcurl have in common. Not for other headers: <curl/curl.h> stays in
/// the .cc files of this module.
namespace icecore::cloud {

struct EasyCleanup {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using EasyHandle = std::unique_ptr<CURL, EasyCleanup>;

struct ListFree {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, ListFree>;

/// A new handle. Threads: any.
inline EasyHandle make_easy_handle() {
    static std::once_flag once;
    std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
    EasyHandle handle(curl_easy_init());
    if (!handle) throw std::bad_alloc();
    return handle;
}

template <typename Value>
void set(CURL* handle, CURLoption option, Value value) {
    CURLcode code = (curl_easy_setopt)(handle, option, value);
    if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
    CHECK(code == CURLE_OK);
}

inline long info(CURL* handle, CURLINFO what) {
    long value = 0;
    curl_easy_getinfo(handle, what, &value);
    return value;
}

inline void append(CurlList& list, const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (!longer) throw std::bad_alloc();
    static_cast<void>(list.release());
    list.reset(longer);
}

/// TLS 1.2 at least, with a certificate that is trusted: by the file `ca_bundle` and nobody else, or, if that
/// is empty, by the system.
inline void set_tls(CURL* handle, const std::string& ca_bundle) {
    set(handle, CURLOPT_SSL_VERIFYPEER, 1L);
    set(handle, CURLOPT_SSL_VERIFYHOST, 2L);
    set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (ca_bundle.empty()) return;
    set(handle, CURLOPT_CAINFO, ca_bundle.c_str());
    set(handle, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
}

}  // namespace icecore::cloud
