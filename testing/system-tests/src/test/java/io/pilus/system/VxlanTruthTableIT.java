package io.pilus.system;

import io.pilus.lab.Routing;

class VxlanTruthTableIT extends TruthTable {

    VxlanTruthTableIT() {
        super("pstv", 240, Routing.VXLAN);
    }
}
