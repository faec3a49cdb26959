package io.pilus.node.datapath;

/** How many packets met a verdict. */
public record Counter(long packets, long bytes) {

    public static final Layout<Counter> LAYOUT = Layout.<Counter>of("pilus_counter")
            .u64("packets", Counter::packets)
            .u64("bytes", Counter::bytes)
            .read(r -> new Counter(r.u64("packets"), r.u64("bytes")));

    public Counter plus(Counter other) {
        return new Counter(packets + other.packets, bytes + other.bytes);
    }

    /**
     * What it counts.
     *
     * @param endpoint its number; 0: none was known
     * @param rule 0: none was asked
     * @param verdict {@link Verdict#number}
     * @param direction 1 ingress, 2 egress
     */
    public record Key(int endpoint, int rule, int verdict, int direction) {

        public static final Layout<Key> LAYOUT = Layout.<Key>of("pilus_counter_key")
                .u32("endpoint", Key::endpoint)
                .u32("rule", Key::rule)
                .u8("verdict", Key::verdict)
                .u8("direction", Key::direction)
                .zero("zero", 2)
                .read(r -> new Key(r.u32("endpoint"), r.u32("rule"), r.u8("verdict"), r.u8("direction")));

        /** What is counted where the table of counts was full: neither endpoint nor rule is known. */
        static Key ofRest(int index) {
            return new Key(0, 0, index >> 2, index & 3);
        }
    }
}
