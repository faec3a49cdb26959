package io.pilus.contract;

import static io.pilus.contract.Prefixes.parse;
import static io.pilus.contract.Prefixes.parseAddress;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class BlocksTest {

    @Test
    void anIpv4BlockLosesOnlyTheEndsOfItsRange() {
        var ranges = List.of(parse("10.0.0.0/24"), parse("10.0.1.0/32"), parse("10.0.2.0/31"));

        assertThat(Blocks.usable(parse("10.0.0.0/26"), ranges)).isEqualTo(63);
        assertThat(Blocks.usable(parse("10.0.0.64/26"), ranges)).isEqualTo(64);
        assertThat(Blocks.usable(parse("10.0.0.192/26"), ranges)).isEqualTo(63);
        assertThat(Blocks.usable(parse("10.0.0.0/24"), ranges)).isEqualTo(254);
        assertThat(Blocks.usable(parse("10.0.0.0/32"), ranges)).isZero();
        assertThat(Blocks.usable(parse("10.0.0.1/32"), ranges)).isEqualTo(1);
        assertThat(Blocks.usable(parse("10.0.1.0/32"), ranges)).isEqualTo(1);
        assertThat(Blocks.usable(parse("10.0.2.0/31"), ranges)).isEqualTo(2);
    }

    @Test
    void anIpv6BlockLosesItsSubnetRouterAnycastAddress() {
        var range = parse("fd00::/48");
        var block = parse("fd00::40/122");

        assertThat(Blocks.usable(block, List.of(range))).isEqualTo(63);
        assertThat(Blocks.usable(parseAddress("fd00::40"), block, List.of(range)))
                .isFalse();
        assertThat(Blocks.usable(parseAddress("fd00::7f"), block, List.of(range)))
                .isTrue();
        assertThat(Blocks.usable(range, List.of(range))).isEqualTo(Long.MAX_VALUE - 1);
    }

    @Test
    void everyAddressOfABlockIsCountedOrNot() {
        var ranges = List.of(parse("10.0.0.0/22"));
        var block = parse("10.0.3.192/26");

        long counted = 0;
        for (int i = 192; i < 256; i++) {
            counted += Blocks.usable(parseAddress("10.0.3." + i), block, ranges) ? 1 : 0;
        }

        assertThat(Blocks.usable(block, ranges)).isEqualTo(counted).isEqualTo(63);
        assertThat(Blocks.last(block)).isEqualTo(parseAddress("10.0.3.255"));
    }
}
