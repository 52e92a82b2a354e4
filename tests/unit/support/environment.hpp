// Environment variables and the working directory, set for one test and put back after it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace nodespool::test {

class EnvironmentVariable {
  public:
    EnvironmentVariable(std::string name, const std::string& value) : m_name(std::move(name)) {
        if (const char* before = std::getenv(m_name.c_str()))
            m_before = before;
        ::setenv(m_name.c_str(), value.c_str(), 1);
    }
    EnvironmentVariable(const EnvironmentVariable&) = delete;
    EnvironmentVariable& operator=(const EnvironmentVariable&) = delete;
    ~EnvironmentVariable() {
        if (m_before)
            ::setenv(m_name.c_str(), m_before->c_str(), 1);
        else
            ::unsetenv(m_name.c_str());
    }

  private:
    std::string m_name;
    std::optional<std::string> m_before;
};

class WorkingDirectory {
  public:
    explicit WorkingDirectory(const std::string& path) : m_before(std::filesystem::current_path()) {
        std::filesystem::current_path(path);
    }
    WorkingDirectory(const WorkingDirectory&) = delete;
    WorkingDirectory& operator=(const WorkingDirectory&) = delete;
    ~WorkingDirectory() { std::filesystem::current_path(m_before); }

  private:
    std::filesystem::path m_before;
};

} // namespace nodespool::test
