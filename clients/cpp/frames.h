// Files as the frames of a stream; a camera would be here.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <fstream>
#include <mutex>
#include <string>

#include "arguments.h"
#include "shared_memory.h"

// Throws UsageError.
std::ifstream open_file(const std::string& path);

// Bytes of the file; it is read from its beginning afterwards.
std::uint64_t length_of(std::ifstream& file);

class Frames {
 public:
  // The bytes of frames are written into `region`, unless it is null.
  Frames(const Arguments& given, Region* region) : given_(given), region_(region) {}

  // Fills in the next frame, at its time; false if there is none, or after `end`. Throws UsageError
  // for a file that cannot be read or has become shorter meanwhile.
  bool next(edgeseg::v1::Frame& frame);

  // Lets `next` return, because no more answers come.
  void end();

 private:
  using Clock = std::chrono::steady_clock;

  bool wait_for_turn();
  bool fill(edgeseg::v1::Frame& frame, const std::string& path);

  const Arguments& given_;
  Region* region_;
  const Clock::time_point begun_ = Clock::now();
  std::uint64_t count_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
};
