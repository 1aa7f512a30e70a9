#include <doctest/doctest.h>

#include "stages/trials.hpp"

using namespace nsai;
using namespace nsai::stages;

TEST_CASE("options: an unknown name is refused with the one that was meant") {
  json options{{"txet", "hi"}};
  auto const fault = check_options(make_echo()->describe(), options);
  REQUIRE(fault);
  CHECK(fault->field == "options.txet");
  CHECK(fault->message.find("text (did you mean that?)") != std::string::npos);
}

TEST_CASE("options: types, bounds and choices are checked, defaults filled in") {
  json options{{"seconds", "long"}};
  CHECK(check_options(make_sleep()->describe(), options)->field == "options.seconds");
  options = {{"seconds", -1}};
  CHECK(check_options(make_sleep()->describe(), options));
  options = {{"signal", "SIGSEVG"}};
  CHECK(check_options(make_crash()->describe(), options)->message.find("did you mean SIGSEGV") !=
        std::string::npos);
  options = nullptr;
  CHECK_FALSE(check_options(make_sleep()->describe(), options));
  CHECK(options.at("seconds") == 1);
  options = json::object();
  CHECK(check_options(make_command()->describe(), options)->field == "options.argv");
  options = json::array();
  CHECK(check_options(make_echo()->describe(), options)->field == "options");
}

TEST_CASE("options: a typed word is read by the option's type") {
  CHECK(std::get<json>(parse_option(make_echo()->describe(), "text", "5")) == json("5"));
  CHECK(std::get<json>(parse_option(make_sleep()->describe(), "seconds", "0.5")) == json(0.5));
  CHECK(std::holds_alternative<error_info>(
      parse_option(make_sleep()->describe(), "seconds", "long")));
  CHECK(std::holds_alternative<error_info>(parse_option(make_echo()->describe(), "txet", "5")));
}
