// The command line.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "edgeseg/v1/segmentation.pb.h"

// A wrong argument; the message says what to write instead.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Arguments {
  bool help = false;
  std::string server, out, ca, token;
  // How the stream is served, without the classes, which are named below.
  edgeseg::v1::StreamOptions options;
  std::vector<std::string> classes;
  // The description of raw frames; its format is unspecified for pictures.
  edgeseg::v1::Frame raw;
  std::uint64_t first_id = 0;
  std::uint64_t loop = 1;
  double fps = 0;      // 0: as fast as the daemon takes them
  double timeout = 0;  // seconds; 0: none
  bool shared_memory = false;
  std::vector<std::string> files;
};

// Raises UsageError.
Arguments read_arguments(int count, char** words);

extern const char* const HELP;
