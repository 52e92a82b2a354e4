// Digests by OpenSSL and libxxhash.
#include "base/digest.hpp"

#include "base/error.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include <array>
#include <new>

namespace nodespool::base {

namespace {

using Algorithm = std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)>;

Algorithm fetch_sha256() {
    Algorithm fetched(EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
    if (!fetched)
        throw Error(ErrorClass::io,
                    "OpenSSL has no SHA-256: out of memory, or openssl.cnf(5) names no provider of it");
    return fetched;
}

/// Fetched once: OpenSSL looks a digest up by name each time that it is asked for by EVP_sha256().
const EVP_MD* sha256() {
    static const Algorithm fetched = fetch_sha256();
    return fetched.get();
}

/// What a C library made, or did not for lack of memory.
template <typename State>
State* made(State* state) {
    if (state == nullptr)
        throw std::bad_alloc();
    return state;
}

std::string in_hex(std::span<const unsigned char> bytes) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const unsigned char byte : bytes) {
        text += k_digits[byte >> 4U];
        text += k_digits[byte & 15U];
    }
    return text;
}

} // namespace

struct Digest::State {
    ChecksumKind kind = ChecksumKind::none;
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> sha256{nullptr, EVP_MD_CTX_free};
    std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> xxh3{nullptr, XXH3_freeState};
};

Digest::Digest(ChecksumKind kind) : m_state(std::make_unique<State>()) {
    m_state->kind = kind;
    if (kind == ChecksumKind::sha256)
        m_state->sha256.reset(made(EVP_MD_CTX_new()));
    if (kind == ChecksumKind::xxh3)
        m_state->xxh3.reset(made(XXH3_createState()));
    restart();
}

Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
Digest::~Digest() = default;

void Digest::restart() {
    if (m_state->sha256)
        ensure(EVP_DigestInit_ex2(m_state->sha256.get(), sha256(), nullptr) == 1, "SHA-256 can begin");
    if (m_state->xxh3)
        XXH3_64bits_reset(m_state->xxh3.get());
}

void Digest::update(std::span<const char> bytes) {
    if (m_state->sha256)
        ensure(EVP_DigestUpdate(m_state->sha256.get(), bytes.data(), bytes.size()) == 1,
               "SHA-256 takes bytes");
    if (m_state->xxh3)
        XXH3_64bits_update(m_state->xxh3.get(), bytes.data(), bytes.size());
}

std::string Digest::finish() {
    if (m_state->xxh3)
        return fmt::format("xxh3:{:016x}", XXH3_64bits_digest(m_state->xxh3.get()));
    if (!m_state->sha256)
        return {};
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    ensure(EVP_DigestFinal_ex(m_state->sha256.get(), digest.data(), &size) == 1,
           "SHA-256 ends with a digest");
    return "sha256:" + in_hex(std::span(digest).first(size));
}

} // namespace nodespool::base
