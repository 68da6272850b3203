# Collects garbage at every chance from where the example begins; its declarations would take minutes.
TracePoint.new(:call) { |call| GC.stress = true if call.method_id == :check }.enable
