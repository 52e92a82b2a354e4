// Lists everything below the root of an FTP node.
#pragma once

#include "base/record_stack.hpp"
#include "node/ftp_connection.hpp"
#include "node/ftp_records.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nodespool::node {

/// Goes from directory to directory with the best listing that the server has:
/// - MLSD (RFC 3659 §7): types, sizes and times in one;
/// - LIST -a in the form of ls -l: types and sizes; times by MDTM, where they are asked for;
/// - NLST -a: names; sizes by SIZE, times by MDTM; what has no size and can be entered is a directory.
///
/// A list counts only where its end is certain: the server acknowledged it, did not say that it cut it off,
/// and proved that it could read the directory, by an entry and be it ".": some acknowledge an empty list of
/// a directory that they may not read.
class FtpLister {
  public:
    /// @param root  as in the URL; both outlive this object
    FtpLister(const std::string& node, const std::string& root, FtpConnection& connection,
              const ListVisitor& visit, Times times);

    void run();

  private:
    enum class Form { mlsd, ls, names };
    enum class Outcome {
        listed,
        no_such_form, ///< the server does not list in this form; nothing was visited
        not_entered   ///< it is no directory
    };
    /// A name that has to be listed.
    struct Candidate {
        std::string name;
        bool may_be_file = false; ///< NLST shows names only
    };

    [[nodiscard]] std::string path_of(const std::string& name) const;
    [[nodiscard]] std::string directory_path_of(const std::string& name) const;
    void list_candidate(const Candidate& candidate);
    Outcome list_in_form(const Candidate& candidate);
    Outcome list_facts(const Candidate& directory);
    Outcome list_ls(const Candidate& directory);
    Outcome list_names(const Candidate& directory);
    bool shows_itself(const std::string& directory);

    /// nullopt: the whole list went through the sink, for certain.
    std::optional<FtpTrouble> take(const std::string& directory, const std::string& command,
                                   RecordSink& sink);
    [[nodiscard]] Outcome outcome_of_refused_entry(const FtpTrouble& trouble,
                                                   const Candidate& candidate) const;
    /// Files of an ls -l list whose times are wanted.
    void visit_timed(const std::string& directory);
    /// Names of an NLST list.
    void visit_measured(const std::string& directory);
    void visit_unmeasured(const std::string& name);
    std::vector<FtpReply> ask(const std::vector<std::string>& commands, const std::string& directory);

    [[noreturn]] void fail(Failure failure, const std::string& directory, const std::string& why) const;
    [[noreturn]] void fail(const FtpTrouble& trouble, const std::string& directory) const;

    const std::string& m_node;
    const std::string& m_root;
    FtpConnection& m_connection;
    const ListVisitor& m_visit;
    Times m_times;
    Form m_form = Form::mlsd;
    base::RecordStack m_candidates; ///< still to be listed, below a byte that says whether it may be a file
    base::RecordStack m_names;      ///< files of one directory that have to be asked for
};

} // namespace nodespool::node
