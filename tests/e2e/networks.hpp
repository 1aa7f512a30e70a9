#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/e2e/cluster.hpp"

namespace nsai::tests {

/// A network of its own for every node of a cluster, joined by links that can be cut in either
/// direction: nothing is refused then, packets just do not arrive. Needs root and CAP_SYS_ADMIN.
class networks {
 public:
  /// Why there can be none on this machine; empty: there can.
  static std::string why_not();

  /// Puts the head, the command line and these nodes into networks; before anything is started.
  networks(cluster& of, std::vector<std::string> const& nodes);
  ~networks();
  networks(networks const&) = delete;
  networks& operator=(networks const&) = delete;

  void cut_to_head(std::string const& node);    // what the node sends is lost
  void cut_from_head(std::string const& node);  // what the head sends is lost
  void cut(std::string const& node);
  void heal(std::string const& node);

  /// Words for the head, and for a node.
  std::vector<std::string> head_words() const { return {"--insecure-network"}; }
  std::vector<std::string> node_words() const { return {"--secret-file", secret_file_}; }

 private:
  struct link {
    std::string space;      // of the node
    std::string device;     // in the head's network; "eth0" in the node's
    std::string head_side;  // addresses
    std::string node_side;
  };

  std::string head_;
  std::string secret_file_;
  std::map<std::string, link> links_;
};

}  // namespace nsai::tests
