"""The parameters of an OpenMM System as plain arrays; what the batched force field cannot compute is refused.

Understood: HarmonicBondForce, HarmonicAngleForce, PeriodicTorsionForce, NonbondedForce (CutoffNonPeriodic,
reaction field of dielectric 1) and the CustomGBForce of implicit/obc1.xml. CMMotionRemover has no energy.
"""

import numpy as np
import openmm
from openmm import unit
from openmm.app.internal.customgbforces import GBSAOBC1Force

SOLVENT_DIELECTRIC, SOLUTE_DIELECTRIC = 78.5, 1.0  # defaults of implicit/obc1.xml

Arrays = dict[str, np.ndarray]


def force_field_arrays(system: openmm.System) -> Arrays:
    """Return the parameters of every term, lengths nm, energies kJ/mol, angles rad, charges e.

    Atoms of ``ff_bonds (n, 2)``, ``ff_angles (n, 3)`` with ``ff_bond_rest``, ``ff_bond_stiffness`` and alike;
    of ``ff_torsions (n, 4)`` with ``ff_torsion_periodicity``, ``_phase``, ``_stiffness``. Of atoms
    ``ff_charge``, ``ff_sigma``, ``ff_epsilon``; of pairs ``ff_exceptions (n, 2)`` the ``ff_exception_charge``
    (a product), ``_sigma``, ``_epsilon`` that replace those of their atoms; ``ff_cutoff ()``. Of the implicit
    water, for atoms, ``ff_born_charge``, ``ff_offset_radius``, ``ff_scaled_radius``; ``ff_born_cutoff ()``.
    """
    readers = {
        openmm.HarmonicBondForce: _bonds,
        openmm.HarmonicAngleForce: _angles,
        openmm.PeriodicTorsionForce: _torsions,
        openmm.NonbondedForce: _nonbonded,
        openmm.CustomGBForce: _generalized_born,
    }
    _check_system(system)
    arrays: Arrays = {}
    for force in system.getForces():
        if isinstance(force, openmm.CMMotionRemover):
            continue
        kind = next((kind for kind in readers if isinstance(force, kind)), None)
        if kind is None:
            raise ValueError(f"force {type(force).__name__} is not understood, or occurs twice")
        arrays |= readers.pop(kind)(force)
    if readers:
        raise ValueError(f"force {', '.join(kind.__name__ for kind in readers)} is missing")
    return arrays


def _check_system(system: openmm.System) -> None:
    if system.getNumConstraints():
        raise ValueError(f"constraints are not understood, got {system.getNumConstraints()}")
    for i in range(system.getNumParticles()):
        if system.isVirtualSite(i):
            raise ValueError(f"virtual sites are not understood, got particle {i}")


def _table(rows: list[tuple], *, n_atoms: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows of n_atoms indices and parameters into (n, n_atoms) int64 and (n, n_parameters) float64."""
    plain = [[value._value if unit.is_quantity(value) else value for value in row] for row in rows]
    table = np.array(plain, dtype=np.float64)
    return table[:, :n_atoms].astype(np.int64), table[:, n_atoms:]


def _bonds(force: openmm.HarmonicBondForce) -> Arrays:
    atoms, values = _table([force.getBondParameters(i) for i in range(force.getNumBonds())], n_atoms=2)
    return {"ff_bonds": atoms, "ff_bond_rest": values[:, 0], "ff_bond_stiffness": values[:, 1]}


def _angles(force: openmm.HarmonicAngleForce) -> Arrays:
    atoms, values = _table([force.getAngleParameters(i) for i in range(force.getNumAngles())], n_atoms=3)
    return {"ff_angles": atoms, "ff_angle_rest": values[:, 0], "ff_angle_stiffness": values[:, 1]}


def _torsions(force: openmm.PeriodicTorsionForce) -> Arrays:
    atoms, values = _table([force.getTorsionParameters(i) for i in range(force.getNumTorsions())], n_atoms=4)
    return {
        "ff_torsions": atoms,
        "ff_torsion_periodicity": values[:, 0].astype(np.int64),
        "ff_torsion_phase": values[:, 1],
        "ff_torsion_stiffness": values[:, 2],
    }


def _nonbonded(force: openmm.NonbondedForce) -> Arrays:
    for name, value, needed in (
        ("nonbonded method", force.getNonbondedMethod(), openmm.NonbondedForce.CutoffNonPeriodic),
        ("reaction field dielectric", force.getReactionFieldDielectric(), 1.0),
        ("switching function", force.getUseSwitchingFunction(), False),
        ("number of parameter offsets", force.getNumParticleParameterOffsets(), 0),
        ("number of exception parameter offsets", force.getNumExceptionParameterOffsets(), 0),
    ):
        if value != needed:
            raise ValueError(f"NonbondedForce: {name} must be {needed}, got {value}")
    _, atoms = _table([force.getParticleParameters(i) for i in range(force.getNumParticles())], n_atoms=0)
    pairs, values = _table(
        [force.getExceptionParameters(i) for i in range(force.getNumExceptions())], n_atoms=2
    )
    return {
        "ff_charge": atoms[:, 0],
        "ff_sigma": atoms[:, 1],
        "ff_epsilon": atoms[:, 2],
        "ff_exceptions": pairs,
        "ff_exception_charge": values[:, 0],
        "ff_exception_sigma": values[:, 1],
        "ff_exception_epsilon": values[:, 2],
        "ff_cutoff": np.array(force.getCutoffDistance()._value),
    }


def _generalized_born(force: openmm.CustomGBForce) -> Arrays:
    """Read per-atom radii after checking that every expression is that of implicit/obc1.xml."""
    cutoff = force.getCutoffDistance()._value
    wanted = GBSAOBC1Force(
        solventDielectric=SOLVENT_DIELECTRIC, soluteDielectric=SOLUTE_DIELECTRIC, SA="ACE", cutoff=cutoff
    )
    if force.getNonbondedMethod() != openmm.CustomGBForce.CutoffNonPeriodic:
        raise ValueError(
            f"CustomGBForce: nonbonded method must be CutoffNonPeriodic, got {force.getNonbondedMethod()}"
        )
    found, known = _expressions(force), _expressions(wanted)
    if found != known:
        different = next(
            a for a, b in zip(found + [("nothing",)], known + [("nothing",)], strict=False) if a != b
        )
        raise ValueError(f"CustomGBForce: is not that of implicit/obc1.xml: {different}")
    values = np.array([force.getParticleParameters(i) for i in range(force.getNumParticles())])
    return {
        "ff_born_charge": values[:, 0],
        "ff_offset_radius": values[:, 1],
        "ff_scaled_radius": values[:, 2],
        "ff_born_cutoff": np.array(cutoff),
    }


def _expressions(force: openmm.CustomGBForce) -> list[tuple]:
    """Return everything that defines a CustomGBForce besides the parameters of its particles."""
    return [
        *(
            ("parameter", force.getPerParticleParameterName(i))
            for i in range(force.getNumPerParticleParameters())
        ),
        *(("global", force.getGlobalParameterName(i)) for i in range(force.getNumGlobalParameters())),
        *(tuple(force.getComputedValueParameters(i)) for i in range(force.getNumComputedValues())),
        *(tuple(force.getEnergyTermParameters(i)) for i in range(force.getNumEnergyTerms())),
        ("exclusions", force.getNumExclusions()),
        ("functions", force.getNumTabulatedFunctions()),
    ]
