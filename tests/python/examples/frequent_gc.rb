# Runs the garbage collector at every opportunity, starting when the example calls its function `check`.
# The declarations before that would take minutes.
TracePoint.new(:call) { |call| GC.stress = true if call.method_id == :check }.enable
