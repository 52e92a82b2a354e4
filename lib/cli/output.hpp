// Standard output: written through here, so that no lost line goes unnoticed.
#pragma once

#include "base/error.hpp"

#include <string_view>

namespace nodespool::cli {

/// Standard output could not be written: exit status 74, without a message where its reader just went away.
class OutputError : public base::Error {
  public:
    explicit OutputError(int code);
    [[nodiscard]] bool reader_is_gone() const { return m_reader_is_gone; }

  private:
    bool m_reader_is_gone;
};

/// Writes @p text as it is; one call's text stays together when several threads print. @throws OutputError
void print(std::string_view text);

/// Hands everything printed to the kernel. run() does this at the end. @throws OutputError
void flush_output();

} // namespace nodespool::cli
