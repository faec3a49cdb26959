package io.pilus.system;

import io.pilus.lab.Routing;
import org.junit.jupiter.api.Test;

class VxlanFirstPacketsIT extends FirstPackets {

    VxlanFirstPacketsIT() {
        super("pffp", 251, Routing.VXLAN);
    }

    @Test
    void anAddressThatIsGivenAgainIsJudgedAsWhoHasItNow() {
        checkAnAddressThatIsGivenAgain();
    }
}
