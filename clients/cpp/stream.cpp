#include "stream.h"

#include <exception>
#include <thread>

namespace pb = edgeseg::v1;

grpc::Status segment_stream(pb::SegmentationService::Stub& stub, grpc::ClientContext& context,
                            const pb::StreamOptions& options,
                            const std::function<bool(pb::Frame&)>& next_frame,
                            const std::function<void(const pb::SegmentResponse&)>& on_answer,
                            const std::function<void()>& on_end) {
  const auto stream = stub.Segment(&context);
  pb::SegmentRequest first;
  *first.mutable_options() = options;
  stream->Write(first);

  std::exception_ptr source_failed, answer_failed;
  std::thread sender([&] {
    try {
      pb::SegmentRequest request;
      while (next_frame(*request.mutable_frame())) {
        if (!stream->Write(request)) return;  // the call has ended
        request.Clear();
      }
    } catch (...) {
      source_failed = std::current_exception();
    }
    stream->WritesDone();  // the frames that were sent are answered
  });
  pb::SegmentResponse response;
  try {
    while (stream->Read(&response)) on_answer(response);
  } catch (...) {
    answer_failed = std::current_exception();
    context.TryCancel();
  }
  on_end();
  sender.join();
  const grpc::Status status = stream->Finish();
  if (answer_failed) std::rethrow_exception(answer_failed);
  if (source_failed) std::rethrow_exception(source_failed);
  return status;
}
