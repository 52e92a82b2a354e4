// A live line on the terminal: jobs, bytes, rate, time left, nodes.
#pragma once

#include "processor/processor.hpp"
#include "queue/spool.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace nodespool::processor {

/// `store 12/40 jobs  1.2 GiB of 3.0 GiB  34.5 MiB/s  0:53 left  n1 up  n2 down`, written over itself on
/// stderr until the object ends.
class Progress {
  public:
    Progress(std::string program, Processor& processor, const queue::Spool& spool, const Work& work);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress();

  private:
    struct Amount {
        std::uint64_t jobs = 0;
        std::uint64_t bytes = 0;
    };
    void run();
    void count_queue();
    void show();
    [[nodiscard]] std::string line() const;

    std::string m_program;
    Processor* m_processor;
    const queue::Spool* m_spool;
    const Work* m_work;
    base::MonotonicTime m_start;
    Amount m_total; ///< that was ready at the start
    std::mutex m_mutex;
    std::condition_variable m_ended;
    bool m_is_over = false;
    std::thread m_thread;
};

} // namespace nodespool::processor
