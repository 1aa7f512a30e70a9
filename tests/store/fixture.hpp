#pragma once

#include <filesystem>
#include <string>

#include <stdlib.h>

#include "stages/context_merge.hpp"
#include "store/job_store.hpp"

namespace nsai::store::tests {

struct folder {
  folder() {
    std::string name = std::filesystem::temp_directory_path() / "nsai-store.XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string file() const { return path / "jobs.db"; }
  std::filesystem::path path;
};

inline store_options options_at(folder const& f, std::string vfs = {}) {
  return {f.file(), stages::merge_contexts, std::move(vfs)};
}

inline insert_job fresh(std::uint64_t id, std::string stage = "echo") {
  insert_job c;
  c.record.id = {id};
  c.record.tenant_id = "t";
  c.record.name_space = "default";
  c.record.stage = std::move(stage);
  c.record.status = job_status::queued;
  c.record.created_at = {1000};
  c.record.queued_at = {1000};
  c.record.options.text = R"({"text":"hi"})";
  return c;
}

inline grant_attempt grant(std::uint64_t id, attempt_no attempt) {
  grant_attempt c;
  c.ref = {{id}, attempt};
  c.node_uuid = "u";
  c.node_name = "n";
  c.incarnation = 7;
  c.started_at = {2000};
  return c;
}

inline end_job end(std::uint64_t id, job_status status = job_status::succeeded,
                   std::int64_t at = 3000) {
  end_job c;
  c.id = {id};
  c.status = status;
  c.completed_at = {at};
  c.duration_ms = 500;
  c.result.text = R"({"answer":42})";
  return c;
}

}  // namespace nsai::store::tests
