package io.pilus.system;

import io.pilus.lab.Routing;

class VxlanFirstPacketsIT extends FirstPackets {

    VxlanFirstPacketsIT() {
        super("pffp", 251, Routing.VXLAN);
    }
}
