"""Heavy atoms of the twenty amino acids and two caps, placed by internal coordinates with L handedness.

Lengths and angles are rounded from those of Engh and Huber, Acta Cryst. A47, 392 (1991): a start for a
minimisation.
"""

import numpy as np

# atom: the three atoms placed before it that it hangs on (bond, angle, torsion), nm, degrees, degrees.
SIDE_CHAINS = {
    "ALA": "",
    "GLY": "",
    "SER": "OG CB CA N 0.142 111 180",
    "CYS": "SG CB CA N 0.181 114 180",
    "VAL": "CG1 CB CA N 0.152 111 180; CG2 CB CA N 0.152 111 -60",
    "THR": "OG1 CB CA N 0.143 109 60; CG2 CB CA N 0.152 111 -60",
    "ILE": "CG1 CB CA N 0.153 111 -60; CG2 CB CA N 0.152 111 180; CD1 CG1 CB CA 0.152 114 180",
    "LEU": "CG CB CA N 0.153 116 -60; CD1 CG CB CA 0.152 111 180; CD2 CG CB CA 0.152 111 60",
    "ASP": "CG CB CA N 0.152 113 -60; OD1 CG CB CA 0.125 118 0; OD2 CG CB CA 0.125 118 180",
    "ASN": "CG CB CA N 0.152 113 -60; OD1 CG CB CA 0.123 121 0; ND2 CG CB CA 0.133 116 180",
    "GLU": "CG CB CA N 0.152 114 180; CD CG CB CA 0.152 113 180; "
    "OE1 CD CG CB 0.125 118 0; OE2 CD CG CB 0.125 118 180",
    "GLN": "CG CB CA N 0.152 114 180; CD CG CB CA 0.152 113 180; "
    "OE1 CD CG CB 0.123 121 0; NE2 CD CG CB 0.133 116 180",
    "MET": "CG CB CA N 0.152 114 180; SD CG CB CA 0.180 113 180; CE SD CG CB 0.179 101 180",
    "LYS": "CG CB CA N 0.152 114 180; CD CG CB CA 0.152 111 180; CE CD CG CB 0.152 111 180; "
    "NZ CE CD CG 0.149 112 180",
    "ARG": "CG CB CA N 0.152 114 180; CD CG CB CA 0.152 111 180; NE CD CG CB 0.146 112 180; "
    "CZ NE CD CG 0.133 124 180; NH1 CZ NE CD 0.133 120 0; NH2 CZ NE CD 0.133 120 180",
    "PRO": "CG CB CA N 0.150 104 30; CD N CA C 0.147 112 -60",
    "HIS": "CG CB CA N 0.150 114 -60; ND1 CG CB CA 0.138 122 -90; CD2 CG CB CA 0.135 131 90; "
    "CE1 ND1 CG CB 0.132 109 180; NE2 CD2 CG CB 0.137 107 180",
    "PHE": "CG CB CA N 0.150 114 -60; CD1 CG CB CA 0.139 121 90; CD2 CG CB CA 0.139 121 -90; "
    "CE1 CD1 CG CB 0.139 121 180; CE2 CD2 CG CB 0.139 121 180; CZ CE1 CD1 CG 0.139 120 0",
    "TYR": "CG CB CA N 0.150 114 -60; CD1 CG CB CA 0.139 121 90; CD2 CG CB CA 0.139 121 -90; "
    "CE1 CD1 CG CB 0.139 121 180; CE2 CD2 CG CB 0.139 121 180; CZ CE1 CD1 CG 0.139 120 0; "
    "OH CZ CE1 CD1 0.138 120 180",
    "TRP": "CG CB CA N 0.150 114 -60; CD1 CG CB CA 0.137 127 -90; CD2 CG CB CA 0.143 127 90; "
    "NE1 CD1 CG CB 0.137 110 180; CE2 CD2 CG CB 0.141 107 180; CE3 CD2 CG CB 0.140 134 0; "
    "CZ2 CE2 CD2 CG 0.139 122 180; CZ3 CE3 CD2 CG 0.138 119 180; CH2 CZ2 CE2 CD2 0.137 117 0",
}
BETA_CARBON = "CB CA N C 0.153 110.5 -122"  # the sign makes it L: N, C', CB clockwise seen from H
CAPS = ("ACE", "NME")
EXTENDED = {"phi": -150.0, "psi": 150.0}  # degrees; omega 180


def build_heavy_atoms(residues: tuple[str, ...]) -> list[dict[str, np.ndarray]]:
    """Return the extended chain, for each residue its heavy atoms by name, (3,) nm; OXT at an open end."""
    chain: list[dict[str, np.ndarray]] = []
    for name in residues:
        chain.append(_residue(name, chain[-1] if chain else None))
    if residues[-1] != "NME":
        last = chain[-1]
        last["OXT"] = place(last["C"], last["CA"], last["N"], 0.125, 117.0, EXTENDED["psi"])
    return chain


def place(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, length: float, angle: float, torsion: float
) -> np.ndarray:
    """Return the point at `length` from a, at `angle` with a, b and at `torsion` with a, b, c (degrees)."""
    theta, phi = np.radians(angle), np.radians(torsion)
    along = (a - b) / np.linalg.norm(a - b)
    normal = np.cross(b - c, along)
    normal /= np.linalg.norm(normal)
    across = np.cross(normal, along)
    local = (-np.cos(theta), np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi))
    return a + length * (local[0] * along + local[1] * across + local[2] * normal)


def _residue(name: str, before: dict[str, np.ndarray] | None) -> dict[str, np.ndarray]:
    if name == "ACE":
        carbon, oxygen, far = np.zeros(3), np.array([0.123, 0.0, 0.0]), np.array([0.123, 0.1, 0.0])
        return {"CH3": place(carbon, oxygen, far, 0.151, 120.5, 180.0), "C": carbon, "O": oxygen}
    atoms = _backbone_start(before, last="C" if name == "NME" else "CA")
    if name == "NME":
        return atoms
    if before is None:
        atoms["C"] = place(atoms["CA"], atoms["N"], np.array([0.1, 0.1, 0.0]), 0.1525, 111.0, 90.0)
    else:
        atoms["C"] = place(atoms["CA"], atoms["N"], before["C"], 0.1525, 111.0, EXTENDED["phi"])
    atoms["O"] = place(atoms["C"], atoms["CA"], atoms["N"], 0.123, 120.5, EXTENDED["psi"] - 180.0)
    rows = "" if name == "GLY" else f"{BETA_CARBON}; {SIDE_CHAINS[name]}"
    for row in filter(None, rows.split("; ")):
        atom, *on, length, angle, torsion = row.split()
        atoms[atom] = place(*(atoms[other] for other in on), float(length), float(angle), float(torsion))
    return atoms


def _backbone_start(before: dict[str, np.ndarray] | None, *, last: str) -> dict[str, np.ndarray]:
    """Return N and the carbon after it, behind the residue `before` or, without one, at the origin."""
    if before is None:
        return {"N": np.zeros(3), last: np.array([0.146, 0.0, 0.0])}
    alpha, torsion_to = ("CA", "N") if "CA" in before else ("CH3", "O")
    torsion = EXTENDED["psi"] if torsion_to == "N" else 180.0
    nitrogen = place(before["C"], before[alpha], before[torsion_to], 0.1335, 116.6, torsion)
    return {"N": nitrogen, last: place(nitrogen, before["C"], before[alpha], 0.146, 121.7, 180.0)}
