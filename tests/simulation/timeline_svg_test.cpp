#include "simulation/timeline_svg.hpp"

#include "tests/simulation/support.hpp"

using namespace nsai;
using namespace nsai::simulation;
using namespace nsai::simulation::tests;

namespace {

std::size_t count_of(std::string const& text, std::string const& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++n;
  return n;
}

std::string svg_of(std::string const& cluster, std::string const& jobs, std::string const& title) {
  return timeline_svg(play(cluster_of(cluster), workload_of(jobs)), title);
}

}  // namespace

TEST_CASE("timeline picture: a panel for GPUs, cores and the queue, with units and a legend") {
  auto const svg =
      svg_of(R"({"nodes": [{"name": "n", "cpus": 4, "gpus": [{"model": "T4", "count": 2}]}]})",
             R"({"duration_s": 3600, "tenant": "vision", "resources": {"gpu_count": 1}, "count": 4}
         {"duration_s": 7200, "tenant": "speech", "count": 9})",
             "a <b> & c");
  CHECK(svg.starts_with("<svg xmlns="));
  CHECK(svg.ends_with("</svg>\n"));
  for (auto const* const text : {"GPUs allocated", "Cores allocated", "Jobs queued", "all: 2 GPUs",
                                 "all: 4 cores", "hours since the first submission", ">vision<",
                                 ">speech<", "a &lt;b> &amp; c", "prefers-color-scheme:dark"}) {
    CAPTURE(text);
    CHECK(svg.find(text) != std::string::npos);
  }
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf") == std::string::npos);
}

TEST_CASE("timeline picture: beyond eight tenants the smaller ones are one") {
  std::string jobs;
  for (int i = 0; i < 12; ++i)
    jobs += R"({"duration_s": )" + std::to_string(100 + i) + R"(, "tenant": "t)" +
            std::to_string(i) + "\"}\n";
  auto const svg = svg_of(R"({"nodes": [{"name": "n", "cpus": 4}]})", jobs, "many");
  CHECK(svg.find("5 others") != std::string::npos);
  CHECK(count_of(svg, "<rect x=") == 8);
  CHECK(svg.find("GPUs") == std::string::npos);  // there are none
}

TEST_CASE("timeline picture: jobs that take no time leave axes without a scale") {
  auto const svg = svg_of(R"({"nodes": [{"name": "n", "cpus": 4}]})", R"({"duration_s": 0})", "");
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf") == std::string::npos);
}
