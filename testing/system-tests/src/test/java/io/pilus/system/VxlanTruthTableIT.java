package io.pilus.system;

import io.pilus.lab.Routing;

class VxlanTruthTable extends TruthTable {

    VxlanTruthTable() {
        super("pstv", 240, Routing.VXLAN);
    }
}
