"""How Numba compiles kernels: the passes that loops over integers need, through its interface for own pipelines.

Two thirds of compiling is Numba's Python, not LLVM. Of its passes this leaves out those for closures, literals,
overloads to inline, array expressions and ``with``, none of which kernels have, and the types that operators give for
numbers are resolved once a process: Numba asks some twenty templates, those of strings, sets and ufuncs first, for
every ``+`` of every pass over a function.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

from numba import _dynfunc  # type: ignore[attr-defined]
from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.runtime.nrt import rtsys
from numba.core.typed_passes import (
    AnnotateTypes,
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import FixupArgs, IRProcessing, ReconstructSSA, TranslateByteCode

_NUMBERS = (types.Integer, types.Boolean, types.Float)
_answers: dict[Any, Any] = {}


@register_pass(mutates_CFG=True, analysis_only=False)
class NumberTypeInference(NopythonTypeInference):
    """Type inference that remembers what operators give for numbers."""

    _name = "chakra_number_type_inference"

    def run_pass(self, state: Any) -> Any:
        """Run with the typing context's answers kept; Numba's compiler lock is held."""
        context = state.typingctx
        if "resolve_function_type" in vars(context):  # a callee of a kernel that is being compiled
            return super().run_pass(state)
        ask = context.resolve_function_type

        def resolve(function: Any, args: Any, kws: Any) -> Any:
            if kws or type(function) is not types.Function or not all(isinstance(a, _NUMBERS) for a in args):
                return ask(function, args, kws)
            key = (function, args)
            found = _answers.get(key)
            if found is None:
                found = _answers[key] = ask(function, args, kws)
            return found

        context.resolve_function_type = resolve
        try:
            return super().run_pass(state)
        finally:
            del context.resolve_function_type


class KernelLibrary(JITCodeLibrary):
    """Machine code of a kernel. Numba links its runtime (reference counts) into each; kernels need none."""

    def add_linking_library(self, library: Any) -> None:
        """Add what the kernel calls."""
        if library is not rtsys.library:
            super().add_linking_library(library)


class InnerLibrary(KernelLibrary):
    """LLVM code of a function that only kernels call: optimised where it is inlined, never made into machine code."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class KernelLowering(NativeLowering):
    """To LLVM code and, where Python calls the function, to machine code."""

    _name = "chakra_kernel_lowering"

    def run_pass(self, state: Any) -> Any:
        """Lower into one of the libraries above."""
        inner = state.flags.no_cpython_wrapper
        library = InnerLibrary if inner else KernelLibrary
        state.library = library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        state.flags.no_compile = inner
        super().run_pass(state)
        if inner:
            lowered = state["cr"]
            where, name = lowered.fndesc.lookup_module(), lowered.fndesc.qualname
            # Stands for the function where calls of it are lowered; 0 = there is no code to run.
            entry = _dynfunc.make_function(where, name, "", 0, lowered.env, (state.library,))
            state["cr"] = lowered._replace(cfunc=entry)
            state.targetctx.insert_user_function(entry, lowered.fndesc, [state.library])
        return True


class KernelCompiler(CompilerBase):
    """A pipeline of the passes above."""

    def define_pipelines(self) -> list[Any]:
        """The one pipeline of kernels."""
        manager = PassManager("chakra kernel")
        for step in (
            TranslateByteCode,
            FixupArgs,
            IRProcessing,
            ReconstructSSA,
            NumberTypeInference,
            PreLowerStripPhis,
            IRLegalization,
            AnnotateTypes,
            KernelLowering,
            NoPythonBackend,
        ):
            manager.add_pass(step, step.__name__)
        manager.finalize()
        return [manager]


__all__ = ["KernelCompiler"]
