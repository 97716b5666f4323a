"""What can be lost: volatility, value at risk, drawdown, concentration, liquidity. Pure numbers.

    returns.py        the returns everything is made of; what is missing stays missing
    tails.py          quantile and expected shortfall of a sample, weighted or not
    volatility.py     close-to-close, EWMA, Parkinson, Yang and Zhang
    garch.py          GARCH(1,1), through `arch`, imported when asked for
    correlation.py    beta, sample and shrunk correlation, repair of what is no correlation matrix
    student_t.py      Student's t fitted by maximum likelihood
    parametric.py     VaR and expected shortfall in closed form
    filtered.py       filtered historical simulation
    monte_carlo.py    correlated normal draws and the t copula, in chunks
    copula.py         what the t copula is fitted to
    methods.py        one function a method of VaR
    var.py            value at risk and expected shortfall by every method, one signature
    contributions.py  component, marginal and incremental VaR
    drawdown.py ratios.py concentration.py liquidity.py
    catalogue.py      what each number is: name, unit, formula, source
    question.py sections.py report.py   all of it for one portfolio, as it travels

Losses are above zero. Arrays in, numbers out: no event loop, no files, no market.
"""
